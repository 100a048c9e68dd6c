-- Each ready picture has an embedding in the active space.
SELECT media.id AS media_id
  FROM media
 WHERE status = 'ready'
   AND NOT EXISTS (
     SELECT FROM embedding WHERE embedding.space_id = {active_space} AND embedding.media_id = media.id)
