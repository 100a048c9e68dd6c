-- One scan of the HNSW index of captions: the nearest to a picture, of as many as the depth is. {probing} is a condition on e.media_id.
WITH near AS MATERIALIZED (
  SELECT e.media_id, e.caption_embedding
    FROM media_embedding e
   WHERE e.caption_embedding IS NOT NULL AND {probing}
   ORDER BY e.caption_half <=> :image::vector::halfvec
   LIMIT :depth
)
SELECT media_id, 1 - (caption_embedding <=> :image::vector) AS similarity
  FROM near
 ORDER BY caption_embedding <=> :image::vector, media_id
 LIMIT :k
