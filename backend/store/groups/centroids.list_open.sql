-- A block of unlocked groups that are not excluded, by id.
SELECT cluster_id, embedding_sum
  FROM centroid JOIN cluster ON cluster.id = cluster_id
 WHERE space_id = :space AND NOT locked AND cluster_id > :after AND cluster_id <> ALL(:excluded::bigint[])
 ORDER BY cluster_id
 LIMIT :limit
