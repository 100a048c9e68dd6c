-- Whether a library that has to be searched by index has grown by half since its efforts were learned, or has none, and was not audited lately.
SELECT EXISTS (
  SELECT
    FROM space s
    JOIN pg_class partition ON partition.oid = to_regclass(format('embedding_%s', s.id))
   WHERE s.id = {active_space}
     AND partition.reltuples > greatest(
           :least, (SELECT coalesce(max(1.5 * e.media_count), 0) FROM search_effort e WHERE e.space_id = s.id))
     AND NOT EXISTS (
           SELECT FROM recall_audit a WHERE a.space_id = s.id AND a.audited_at > now() - make_interval(secs => :seconds)))
