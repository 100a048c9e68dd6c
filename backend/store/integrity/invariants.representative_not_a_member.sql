-- The representative of each group is one of its members.
SELECT cluster.id AS cluster_id, representative_media_id
  FROM cluster
 WHERE NOT EXISTS (
   SELECT FROM membership
    WHERE membership.media_id = cluster.representative_media_id AND membership.cluster_id = cluster.id)
