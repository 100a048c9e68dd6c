-- For each step, how long its oldest picture has waited in seconds, NULL if none waits.
SELECT step, extract(epoch FROM now() - min(since)) AS age
  FROM (VALUES ('fetching'), ('pending'), ('embedded')) AS steps(step)
  LEFT JOIN (SELECT status, coalesce(embedded_at, created_at) AS since
               FROM media
              WHERE status IN ('fetching', 'pending', 'embedded')) AS waiting ON status = step
 GROUP BY step
