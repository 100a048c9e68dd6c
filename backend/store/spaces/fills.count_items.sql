-- Progress of each space: embedded, waiting, failed and all pictures.
SELECT space.id,
       (SELECT count(*) FROM embedding WHERE embedding.space_id = space.id) AS embedded,
       (SELECT count(*) FROM space_fill_item AS item
         WHERE item.space_id = space.id AND item.error_code IS NULL) AS waiting,
       (SELECT count(*) FROM space_fill_item AS item
         WHERE item.space_id = space.id AND item.error_code IS NOT NULL) AS failed,
       (SELECT count(*) FROM media WHERE media.status IN {embedded}) AS media
  FROM space
 WHERE space.state <> 'dropped'
