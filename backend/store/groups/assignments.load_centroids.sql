-- All centroids of a space, oldest group first.
SELECT cluster_id, embedding_sum, member_count, NOT locked
  FROM centroid JOIN cluster ON cluster.id = cluster_id
 WHERE space_id = :space_id
 ORDER BY cluster_id
