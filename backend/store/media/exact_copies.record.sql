-- Count a copy of a picture by source. Importing the same file from the same path again does not count.
INSERT INTO exact_copy (media_id, source, source_uri)
SELECT id, :source, :source_uri
  FROM media
 WHERE id = :media_id
   AND NOT (:source = 'import' AND source = 'import' AND source_uri IS NOT DISTINCT FROM :source_uri)
ON CONFLICT (media_id, source, source_uri)
DO UPDATE SET times_sent = exact_copy.times_sent + 1, last_sent_at = now()
