-- Every centroid is within 1e-6 of the normalised mean of its members, and its sum points the same way.
WITH means AS (
  SELECT membership.cluster_id, l2_normalize(avg(l2_normalize(image_embedding))) AS mean
    FROM membership
    JOIN media_embedding USING (media_id)
   GROUP BY membership.cluster_id
)
SELECT centroid.cluster_id,
       centroid.centroid <-> means.mean AS distance,
       l2_normalize(centroid.embedding_sum::vector) <-> means.mean AS sum_distance
  FROM centroid
  JOIN space ON space.id = centroid.space_id AND space.state = 'active'
  JOIN means USING (cluster_id)
 WHERE centroid.centroid <-> means.mean > 1e-6
    OR l2_normalize(centroid.embedding_sum::vector) <-> means.mean > 1e-6
