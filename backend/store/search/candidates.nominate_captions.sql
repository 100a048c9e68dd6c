-- One scan of the HNSW index of captions: the nearest to a picture. {probing} is a condition on e.media_id.
SELECT e.media_id, 1 - (e.caption_embedding <=> :image::vector) AS similarity
  FROM media_embedding e
 WHERE e.caption_embedding IS NOT NULL AND {probing}
 ORDER BY e.caption_embedding <=> :image::vector
 LIMIT :k
