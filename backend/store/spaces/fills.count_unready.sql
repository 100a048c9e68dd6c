-- Pictures that have no vectors in a space, or whose words there are to be embedded again. grouped: only of those in groups.
SELECT count(*)
  FROM media
 WHERE media.status IN {embedded}
   AND (NOT :grouped OR media.status = 'ready')
   AND (NOT EXISTS (SELECT FROM embedding WHERE embedding.space_id = :space AND embedding.media_id = media.id)
        OR EXISTS (
          SELECT FROM space_fill_item AS item
           WHERE item.space_id = :space AND item.media_id = media.id AND item.error_code IS NULL))
