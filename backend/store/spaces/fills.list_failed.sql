-- Pictures that could not be embedded into a space, oldest first.
SELECT item.media_id, {called}, item.error_code, item.error_detail
  FROM space_fill_item AS item
  JOIN media ON media.id = item.media_id
 WHERE item.space_id = :space AND item.error_code IS NOT NULL
 ORDER BY item.media_id
 LIMIT :limit
