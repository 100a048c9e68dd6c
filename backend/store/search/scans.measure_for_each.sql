-- Exact cosines of pictures, each to the vectors of one of several queries, by their positions in the list, without those that were deleted.
-- One row of arrays; NaN stands for a missing side.
SELECT coalesce(array_agg((named.place - 1)::float8), '{}') AS places,
       coalesce(array_agg(coalesce(1 - (e.image_embedding <=> (:images::vector[])[named.query]), 'NaN')), '{}') AS sim_images,
       coalesce(array_agg(coalesce(1 - (e.text_embedding <=> (:texts::vector[])[named.query]), 'NaN')), '{}') AS sim_texts
  FROM unnest(:media_ids::uuid[], :queries::integer[]) WITH ORDINALITY AS named(media_id, query, place)
  JOIN media_embedding e USING (media_id)
