-- Labels and sizes of groups of a space.
SELECT id, label, member_count
  FROM cluster
  JOIN centroid ON cluster_id = id AND space_id = :space
 WHERE id = ANY(:ids)
