-- Lease the next pictures to embed into a space, oldest first. As with uploads, one that was tried before is claimed alone.
-- is_embedded: only its text is to be embedded again.
WITH next AS (
  SELECT item.media_id, item.attempts
    FROM space_fill_item AS item
   WHERE item.space_id = :space_id
     AND item.error_code IS NULL
     AND item.next_attempt_at <= now()
     AND (item.lease_until IS NULL OR item.lease_until < now())
     AND item.attempts < :max_attempts
     AND NOT EXISTS (SELECT FROM pause)
   ORDER BY item.attempts > 0 DESC, item.media_id
   LIMIT :limit
     FOR UPDATE SKIP LOCKED
), chosen AS (
  SELECT media_id FROM next WHERE attempts = 0 AND NOT EXISTS (SELECT FROM next WHERE attempts > 0)
  UNION ALL
  (SELECT media_id FROM next WHERE attempts > 0 LIMIT 1)
)
UPDATE space_fill_item AS item
   SET lease_token = :lease_token,
       lease_until = now() + make_interval(secs => :lease_seconds),
       attempts = item.attempts + 1
  FROM chosen JOIN media ON media.id = chosen.media_id
 WHERE item.space_id = :space_id AND item.media_id = chosen.media_id
RETURNING media.id, media.original_key, {media_text}, media.ocr_text, item.attempts,
          EXISTS (SELECT FROM embedding WHERE embedding.space_id = :space_id AND embedding.media_id = media.id)
            AS is_embedded
