-- Vectors of random pictures in the active space: the picture's, those of its words, and its words as pictures are compared with them. Cast to
-- vectors without dimensions, because a prepared statement must not change its types when another space is activated.
WITH sampled AS MATERIALIZED (SELECT media_id FROM media_embedding ORDER BY random() LIMIT :count)
SELECT e.image_embedding::vector AS image, e.text_embedding::vector AS words, e.caption_embedding::vector AS caption
  FROM sampled
  JOIN media_embedding e USING (media_id)
