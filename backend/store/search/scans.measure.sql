-- Exact cosines of given pictures, by their positions in the list, without those that do not match or were deleted. {probing} is a
-- condition on e.media_id.
SELECT (named.place - 1)::integer AS place,
       1 - (e.image_embedding <=> :image::vector) AS sim_image,
       1 - (e.text_embedding <=> :text::vector) AS sim_text
  FROM unnest(:media_ids::uuid[]) WITH ORDINALITY AS named(media_id, place)
  JOIN media_embedding e USING (media_id)
 WHERE {probing}
