-- The state that the queue of a space was computed from, and the current one.
SELECT refreshed_at,
       space.centroid_version IS DISTINCT FROM review_refresh.centroid_version AS is_stale,
       (SELECT coalesce(sum(member_count), 0) FROM centroid WHERE space_id = space.id) AS media_count
  FROM space
  LEFT JOIN review_refresh ON space_id = space.id
 WHERE space.id = :space_id
