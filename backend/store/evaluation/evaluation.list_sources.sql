-- Sources of the pictures of a space, including those that sent the same file again.
SELECT media.id AS media_id, media.source_uri
  FROM media
  JOIN membership ON media_id = media.id AND space_id = :space
 WHERE media.source_uri IS NOT NULL
UNION ALL
SELECT exact_copy.media_id, exact_copy.source_uri
  FROM exact_copy
  JOIN membership ON membership.media_id = exact_copy.media_id AND space_id = :space
 WHERE exact_copy.source_uri <> ''
