-- Every group has members: with the last one it goes.
SELECT cluster.id AS cluster_id
  FROM cluster
 WHERE NOT EXISTS (SELECT FROM membership WHERE membership.cluster_id = cluster.id)
