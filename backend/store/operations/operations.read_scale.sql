-- Size of the library. Pictures are counted up to `most`. Above that, the planner's estimate is used, which is missing before the
-- first ANALYZE and inaccurate soon after it.
SELECT CASE WHEN counted < :most THEN counted ELSE greatest(CAST(reltuples AS bigint), counted) END AS media,
       pg_database_size(current_database()) AS database_bytes,
       (SELECT original_bytes FROM operations_sample
         WHERE original_bytes IS NOT NULL
         ORDER BY minute DESC LIMIT 1) AS original_bytes
  FROM pg_class,
       (SELECT count(*) AS counted FROM (SELECT FROM media LIMIT :most) AS capped) AS few
 WHERE oid = 'media'::regclass
