-- Throughput from `since` to before `until`, with median durations. A picture embedded in that period became ready in it, later, or
-- not yet, so the indexes on ready_at and on waiting work find all of them.
WITH recent AS (
  SELECT embedded_at, ready_at, created_at FROM media WHERE ready_at >= :since
   UNION ALL
  SELECT embedded_at, NULL, created_at FROM media WHERE status = 'embedded'
)
SELECT (SELECT count(*) FROM media WHERE created_at >= :since AND created_at < :until) AS uploads,
       count(*) FILTER (WHERE embedded_at >= :since AND embedded_at < :until) AS embeddings,
       count(*) FILTER (WHERE ready_at < :until) AS groupings,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM embedded_at - created_at)::float8)
         FILTER (WHERE embedded_at >= :since AND embedded_at < :until) AS embed_seconds,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM ready_at - embedded_at)::float8)
         FILTER (WHERE ready_at < :until) AS group_seconds
  FROM recent
