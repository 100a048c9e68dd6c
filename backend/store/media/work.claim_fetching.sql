-- Lease the URLs that wait longest for being fetched.
WITH chosen AS (
  SELECT id
    FROM media
   WHERE status = 'fetching'
     AND next_attempt_at <= now()
     AND (lease_until IS NULL OR lease_until < now())
     AND attempts < :max_attempts
     AND NOT EXISTS (SELECT FROM pause)
   ORDER BY created_at
   LIMIT :limit
     FOR UPDATE SKIP LOCKED
)
UPDATE media
   SET lease_token = :lease_token,
       lease_until = now() + make_interval(secs => :lease_seconds),
       attempts = attempts + 1
  FROM chosen
 WHERE media.id = chosen.id
RETURNING media.id, media.source_uri, {media_text}, media.exif, media.attempts, media.request_id
