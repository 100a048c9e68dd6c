-- Pictures with a telling hash that nobody gives up, the best to keep first: most pixels, then most bytes,
-- then the oldest.
SELECT media.id,
       media.perceptual_hash,
       CASE WHEN near_duplicate.space_id = :space_id THEN near_duplicate.keeper_media_id END AS keeper_media_id
  FROM near_duplicate
  JOIN media ON media.id = near_duplicate.media_id
 WHERE media.status IN {embedded}
   AND media.perceptual_hash <> 0
   AND NOT EXISTS (SELECT FROM marked_for_deletion AS marked WHERE marked.media_id = media.id)
 ORDER BY media.width::bigint * media.height DESC, media.byte_size DESC, media.created_at, media.id
