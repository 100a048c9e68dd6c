-- Fail pictures that a space has given up, with its reason.
UPDATE media
   SET status = 'failed',
       error_code = :code,
       error_detail = format(
         'Space %s has no vectors of it (%s: %s)', CAST(:name AS text), item.error_code, item.error_detail)
  FROM space_fill_item AS item
 WHERE item.space_id = :space
   AND item.media_id = media.id
   AND media.id = ANY(:ids)
   AND media.status IN {embedded}
RETURNING media.id
