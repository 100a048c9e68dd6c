-- Return pictures that were set aside with this code to grouping, if this space has vectors of them.
UPDATE media
   SET status = 'embedded', error_code = NULL, error_detail = NULL, attempts = 0
 WHERE status = 'failed'
   AND error_code = :code
   AND EXISTS (SELECT FROM embedding WHERE embedding.space_id = :space AND embedding.media_id = media.id)
