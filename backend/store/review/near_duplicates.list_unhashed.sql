-- Embedded pictures without a perceptual hash, the oldest first.
SELECT id, original_key
  FROM media
 WHERE status IN {embedded}
   AND perceptual_hash IS NULL
   AND original_key IS NOT NULL
 ORDER BY created_at, id
 LIMIT :limit
