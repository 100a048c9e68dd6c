-- Pictures without vectors in a space, or whose text is to be embedded again there. grouped: only grouped pictures.
SELECT count(*)
  FROM media
 WHERE media.status IN {embedded}
   AND (NOT :grouped OR media.status = 'ready')
   AND (NOT EXISTS (SELECT FROM embedding WHERE embedding.space_id = :space AND embedding.media_id = media.id)
        OR EXISTS (
          SELECT FROM space_fill_item AS item
           WHERE item.space_id = :space AND item.media_id = media.id AND item.error_code IS NULL))
