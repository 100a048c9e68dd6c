-- Add counts to a histogram. If another version used other buckets, it starts again, because they cannot be added.
INSERT INTO histogram AS old (name, bounds, counts, total)
VALUES (:name, :bounds, :counts, :total)
    ON CONFLICT (name) DO UPDATE
   SET bounds = EXCLUDED.bounds,
       counts = CASE WHEN old.bounds = EXCLUDED.bounds
                     THEN (SELECT array_agg(one + more ORDER BY place)
                             FROM unnest(old.counts, EXCLUDED.counts) WITH ORDINALITY AS t(one, more, place))
                     ELSE EXCLUDED.counts END,
       total = CASE WHEN old.bounds = EXCLUDED.bounds THEN old.total ELSE 0 END + EXCLUDED.total
