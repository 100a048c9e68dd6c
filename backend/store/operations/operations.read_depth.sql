-- Waiting pictures by status, each counted in a partial index up to `most`, and since when the oldest waits.
SELECT (SELECT count(*) FROM (SELECT FROM media WHERE status = 'fetching' LIMIT :most) AS counted) AS fetching,
       (SELECT count(*) FROM (SELECT FROM media WHERE status = 'pending' LIMIT :most) AS counted) AS pending,
       (SELECT count(*) FROM (SELECT FROM media WHERE status = 'embedded' LIMIT :most) AS counted) AS embedded,
       (SELECT count(*) FROM (SELECT FROM media WHERE status = 'failed' LIMIT :most) AS counted) AS failed,
       (SELECT min(created_at) FROM media WHERE status = 'fetching') AS oldest_fetching,
       (SELECT created_at FROM media WHERE status = 'pending' ORDER BY upload_seq LIMIT 1) AS oldest_pending,
       (SELECT created_at FROM media WHERE status = 'embedded' ORDER BY upload_seq LIMIT 1) AS oldest_embedded,
       now() AS read_at
