-- Sums of the centroids of the active space, by group.
SELECT cluster_id, embedding_sum
  FROM centroid
  JOIN space ON space.id = space_id AND space.state = 'active'
 WHERE cluster_id > :after
 ORDER BY cluster_id
 LIMIT :limit
