-- All centroids of a space, and whether their groups are unlocked.
SELECT cluster_id, centroid, NOT locked AS is_open
  FROM centroid JOIN cluster ON cluster.id = cluster_id
 WHERE space_id = :space
 ORDER BY cluster_id
