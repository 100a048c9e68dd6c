-- A cluster that no curator has touched has members.
SELECT cluster.id AS cluster_id
  FROM cluster
 WHERE label_origin = 'auto' AND representative_origin = 'auto' AND NOT locked
   AND NOT EXISTS (SELECT FROM membership WHERE membership.cluster_id = cluster.id)
