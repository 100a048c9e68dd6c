-- Vectors of pictures in a space, with their positions (from 0) in the requested list.
SELECT wanted.place - 1 AS place, e.image_embedding, e.text_embedding, e.caption_embedding
  FROM unnest(CAST(:ids AS uuid[])) WITH ORDINALITY AS wanted (id, place)
  JOIN embedding e ON e.space_id = :space AND e.media_id = wanted.id
