-- Failed pictures by code, newest of each first.
SELECT failed.*
  FROM (SELECT id, error_code, error_detail, {called}, source, source_uri, attempts, created_at,
               encode(sha256, 'hex') AS sha256, embedded_at IS NOT NULL AS has_thumbnail,
               count(*) OVER (PARTITION BY error_code) AS size,
               row_number() OVER (PARTITION BY error_code ORDER BY created_at DESC, id) AS place
          FROM (SELECT * FROM media WHERE status = 'failed' ORDER BY created_at DESC LIMIT :most) AS media) AS failed
 WHERE place <= :each
 ORDER BY error_code <> 'quarantined', size DESC, error_code, place
