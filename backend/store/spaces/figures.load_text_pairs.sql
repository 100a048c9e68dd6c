-- Text embeddings in two spaces, of pictures that have one in both.
SELECT one.text_embedding AS one, other.text_embedding AS other
  FROM embedding AS one
  JOIN embedding AS other USING (media_id)
 WHERE one.space_id = :one
   AND other.space_id = :other
   AND media_id = ANY(:ids)
   AND one.text_embedding IS NOT NULL
   AND other.text_embedding IS NOT NULL
 ORDER BY media_id
