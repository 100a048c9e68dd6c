-- The first and the last path of pictures that have one, byte by byte.
SELECT min(source_uri COLLATE "C") AS first, max(source_uri COLLATE "C") AS last
  FROM media
 WHERE status = 'ready'
   AND source_uri LIKE '/%'
