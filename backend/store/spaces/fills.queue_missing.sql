-- Queue what is embedded somewhere and not in this space; what is queued or has failed stays as it is.
INSERT INTO space_fill_item (space_id, media_id)
SELECT :space_id, media.id
  FROM media
 WHERE media.status IN {embedded}
   AND NOT EXISTS (
     SELECT FROM embedding WHERE embedding.space_id = :space_id AND embedding.media_id = media.id)
ON CONFLICT DO NOTHING
