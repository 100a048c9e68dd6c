-- State of the active space, and the measurement locks that any process holds for it.
SELECT space.id, space.centroid_version,
       (SELECT coalesce(sum(member_count), 0) FROM centroid WHERE space_id = space.id) AS media_count,
       ARRAY(SELECT classid::bigint FROM pg_locks
              WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND objid::bigint = space.id
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS locks
  FROM space
 WHERE space.id = {active_space}
