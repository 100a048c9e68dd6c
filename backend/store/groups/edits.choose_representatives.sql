-- Make the member nearest to the centroid the representative of groups whose representative is not a member, and of those in
-- `to_choose` without one chosen by a curator. A new group without a label takes its title.
WITH wanting AS (
  SELECT id
    FROM cluster
   WHERE (id = ANY(:to_choose::bigint[]) AND representative_origin = 'auto')
      OR (id = ANY(:touched::bigint[])
          AND NOT EXISTS (
            SELECT FROM membership
             WHERE membership.media_id = cluster.representative_media_id AND membership.cluster_id = cluster.id))
), nearest AS (
  SELECT DISTINCT ON (membership.cluster_id) membership.cluster_id, membership.media_id
    FROM wanting
    JOIN membership ON membership.cluster_id = wanting.id
    JOIN embedding ON embedding.space_id = :space_id AND embedding.media_id = membership.media_id
    JOIN centroid ON centroid.space_id = :space_id AND centroid.cluster_id = membership.cluster_id
   ORDER BY membership.cluster_id, embedding.image_embedding <=> centroid.centroid, membership.media_id
)
UPDATE cluster
   SET representative_media_id = media.id,
       representative_origin = 'auto',
       label = CASE WHEN label = '' AND cluster.id = ANY(:created::bigint[]) THEN media.title ELSE label END
  FROM nearest JOIN media ON media.id = nearest.media_id
 WHERE cluster.id = nearest.cluster_id
