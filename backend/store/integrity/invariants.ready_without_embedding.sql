-- Each ready picture has its embedding in the active space.
SELECT media.id AS media_id
  FROM media
 WHERE status = 'ready'
   AND NOT EXISTS (
     SELECT FROM embedding JOIN space ON space.id = embedding.space_id AND space.state = 'active'
      WHERE embedding.media_id = media.id)
