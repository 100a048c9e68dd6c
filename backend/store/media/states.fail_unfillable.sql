-- Fail pictures that were on their way to a group when their space stopped to be the active one: embedded, given up by the
-- active space, and without vectors in it. One row of the arrays for each item.
UPDATE media
   SET status = 'failed', error_code = :code, error_detail = :detail
  FROM unnest(CAST(:spaces AS integer[]), CAST(:ids AS uuid[])) AS item (space_id, media_id)
 WHERE item.space_id = {active_space}
   AND media.id = item.media_id
   AND media.status = 'embedded'
   AND NOT EXISTS (
     SELECT FROM embedding WHERE embedding.space_id = item.space_id AND embedding.media_id = media.id)
RETURNING media.id
