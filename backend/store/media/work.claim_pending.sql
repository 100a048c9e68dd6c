-- Lease the next pictures to be embedded, in upload order. A picture that was tried before may be the one that took its
-- worker down, so it is claimed alone: its neighbours must not use up their attempts with it.
WITH next AS (
  SELECT id, attempts
    FROM media
   WHERE status = 'pending'
     AND next_attempt_at <= now()
     AND (lease_until IS NULL OR lease_until < now())
     AND attempts < :max_attempts
     AND NOT EXISTS (SELECT FROM pause)
   ORDER BY attempts > 0 DESC, upload_seq
   LIMIT :limit
     FOR UPDATE SKIP LOCKED
), chosen AS (
  SELECT id FROM next WHERE attempts = 0 AND NOT EXISTS (SELECT FROM next WHERE attempts > 0)
  UNION ALL
  (SELECT id FROM next WHERE attempts > 0 LIMIT 1)
)
UPDATE media
   SET lease_token = :lease_token,
       lease_until = now() + make_interval(secs => :lease_seconds),
       attempts = attempts + 1
  FROM chosen
 WHERE media.id = chosen.id
RETURNING media.id, media.sha256, media.original_key, {media_text}, media.ocr_text, media.attempts, media.upload_seq,
          media.request_id
