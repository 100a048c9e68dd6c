-- How far each space is: its vectors, what waits, what has failed, and what there is in all.
SELECT space.id,
       (SELECT count(*) FROM embedding WHERE embedding.space_id = space.id) AS embedded,
       (SELECT count(*) FROM space_fill_item AS item
         WHERE item.space_id = space.id AND item.error_code IS NULL) AS waiting,
       (SELECT count(*) FROM space_fill_item AS item
         WHERE item.space_id = space.id AND item.error_code IS NOT NULL) AS failed,
       (SELECT count(*) FROM media WHERE media.status IN {embedded}) AS media
  FROM space
 WHERE space.state <> 'dropped'
