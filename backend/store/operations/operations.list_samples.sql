-- Metrics in steps of `step` seconds: maxima of queue lengths, and mean throughput per minute.
SELECT date_bin(make_interval(secs => :step), minute, TIMESTAMPTZ '2000-01-01 00:00Z') AS moment,
       max(fetching) AS fetching, max(pending) AS pending, max(embedded) AS embedded, max(failed) AS failed,
       avg(uploads)::float8 AS uploads, avg(embeddings)::float8 AS embeddings, avg(groupings)::float8 AS groupings,
       avg(embed_seconds) AS embed_seconds, avg(group_seconds) AS group_seconds
  FROM operations_sample
 WHERE minute > now() - make_interval(secs => :seconds)
 GROUP BY moment
 ORDER BY moment
