-- Whether groups of the active space have changed since its queue was made, and that is at least `seconds` ago.
SELECT EXISTS (
  SELECT FROM space
    LEFT JOIN review_refresh ON space_id = space.id
   WHERE space.id = {active_space}
     AND space.centroid_version IS DISTINCT FROM review_refresh.centroid_version
     AND space.centroid_version > 0
     AND coalesce(refreshed_at < now() - make_interval(secs => :seconds), true)) AS is_due
