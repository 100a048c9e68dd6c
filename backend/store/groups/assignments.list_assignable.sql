-- Embedded pictures to assign, in upload order. An earlier upload that is still being processed holds back later ones, until one
-- of these has waited for :wait_seconds; then uploads before that one are skipped. While another space is about to be activated,
-- only pictures in that space are assigned, so that its last gaps close.
WITH overdue AS (
  SELECT coalesce(max(upload_seq), 0) AS seq
    FROM media
   WHERE status = 'embedded' AND embedded_at < now() - make_interval(secs => :wait_seconds)
), frontier AS (
  SELECT min(upload_seq) AS seq
    FROM media
   WHERE status = 'pending' AND upload_seq > (SELECT seq FROM overdue)
)
SELECT media.id, embedding.image_embedding, media.request_id, media.created_at
  FROM media
  JOIN embedding ON embedding.media_id = media.id AND embedding.space_id = :space_id
 WHERE media.status = 'embedded'
   AND NOT EXISTS (SELECT FROM pause)
   AND NOT EXISTS (
     SELECT FROM space_fill
      WHERE space_fill.closing_until > now()
        AND NOT EXISTS (
          SELECT FROM embedding AS other
           WHERE other.space_id = space_fill.space_id AND other.media_id = media.id))
   AND media.upload_seq < coalesce((SELECT seq FROM frontier), 9223372036854775807)
 ORDER BY media.upload_seq
 LIMIT :limit
   FOR UPDATE OF media
