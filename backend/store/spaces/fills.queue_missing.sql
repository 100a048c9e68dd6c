-- Queue pictures embedded in some space but not in this one. Items that are queued or failed do not change.
INSERT INTO space_fill_item (space_id, media_id)
SELECT :space_id, media.id
  FROM media
 WHERE media.status IN {embedded}
   AND NOT EXISTS (
     SELECT FROM embedding WHERE embedding.space_id = :space_id AND embedding.media_id = media.id)
ON CONFLICT DO NOTHING
