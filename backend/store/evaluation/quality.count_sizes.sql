-- Groups of a space, and pictures in them, by size class: class n starts at the n-th of the bounds.
SELECT width_bucket(member_count, CAST(:bounds AS integer[])) AS size_class, count(*) AS clusters, sum(member_count) AS media
  FROM centroid
 WHERE space_id = :space
 GROUP BY 1
