-- The unit centroids of all unlocked groups of a space.
SELECT cluster_id, centroid
  FROM centroid JOIN cluster ON cluster.id = cluster_id
 WHERE space_id = :space_id AND NOT locked
