-- What groups of a space are called, and their sizes.
SELECT id, label, member_count
  FROM cluster
  JOIN centroid ON cluster_id = id AND space_id = :space
 WHERE id = ANY(:ids)
