-- Sums of the active space's centroids, by group.
SELECT cluster_id, embedding_sum
  FROM centroid
 WHERE space_id = {active_space}
   AND cluster_id > :after
 ORDER BY cluster_id
 LIMIT :limit
