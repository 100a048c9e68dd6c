-- Every centroid is within 1e-6 of the normalized mean of its members, and its sum points the same way. Materialized, because
-- a plan that computes distances before it filters by space would compare vectors of different dimensions.
WITH means AS (
  SELECT membership.cluster_id, l2_normalize(avg(l2_normalize(image_embedding))) AS mean
    FROM membership
    JOIN media_embedding USING (media_id)
   GROUP BY membership.cluster_id
), kept AS MATERIALIZED (
  SELECT cluster_id, centroid, embedding_sum
    FROM centroid
   WHERE space_id = {active_space}
)
SELECT kept.cluster_id,
       kept.centroid <-> means.mean AS distance,
       l2_normalize(kept.embedding_sum::vector) <-> means.mean AS sum_distance
  FROM kept
  JOIN means USING (cluster_id)
 WHERE kept.centroid <-> means.mean > 1e-6
    OR l2_normalize(kept.embedding_sum::vector) <-> means.mean > 1e-6
