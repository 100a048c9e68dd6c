-- Every group has members. It is deleted with the last one.
SELECT cluster.id AS cluster_id
  FROM cluster
 WHERE NOT EXISTS (SELECT FROM membership WHERE membership.cluster_id = cluster.id)
