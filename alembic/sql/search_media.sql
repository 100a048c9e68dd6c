-- The public functions. Both return rows of media_match, best first:
--   media_id, sim_image and sim_text (cosines), combined = alpha * sim_image + (1 - alpha) * sim_text.
-- A side that is missing, of the query or of a media, has a NULL cosine and adds nothing to `combined`.
--
-- Candidates come from every index that can nominate a winner at this alpha; the exact cosines of the candidates then
-- decide. Each ORDER BY inside is by distance alone, since a second key would keep the index from being used.
CREATE FUNCTION search_media(
  image_query vector,
  text_query vector,
  k integer DEFAULT 10,
  alpha double precision DEFAULT 0.6
)
RETURNS SETOF media_match
LANGUAGE plpgsql
STABLE
-- The planner has to see the real limits and queries; a generic plan would expect a tenth of the table.
SET plan_cache_mode = force_custom_plan
-- A function's own setting ends with the function, so what is set below does not leak to the caller.
SET hnsw.ef_search = 200
AS $$
DECLARE
  candidates integer := greatest(100, 4 * k);
  fused_query halfvec;
BEGIN
  IF alpha IS NULL OR alpha < 0 OR alpha > 1 THEN
    RAISE EXCEPTION 'alpha has to be between 0 and 1, not %', alpha USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF k IS NULL OR k < 1 THEN
    RAISE EXCEPTION 'k has to be at least 1, not %', k USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF image_query IS NULL AND text_query IS NULL THEN
    RETURN;
  END IF;
  IF image_query IS NOT NULL AND text_query IS NOT NULL THEN
    fused_query := (
      (array_fill(alpha::real, ARRAY[vector_dims(image_query)])::vector * image_query)
      || (array_fill((1 - alpha)::real, ARRAY[vector_dims(text_query)])::vector * text_query)
    )::halfvec;
  END IF;
  -- HNSW returns at most ef_search rows.
  PERFORM set_config('hnsw.ef_search', least(1000, greatest(200, 2 * candidates))::text, true);

  RETURN QUERY
  WITH image_leg AS MATERIALIZED (
    SELECT e.media_id FROM media_embedding e
     WHERE image_query IS NOT NULL
     ORDER BY e.image_embedding <=> image_query LIMIT candidates
  ), text_leg AS MATERIALIZED (
    SELECT e.media_id FROM media_embedding e
     WHERE text_query IS NOT NULL
     ORDER BY e.text_embedding <=> text_query LIMIT candidates
  ), fused_leg AS MATERIALIZED (
    SELECT e.media_id FROM media_embedding e
     WHERE fused_query IS NOT NULL
     ORDER BY e.fused_embedding <#> fused_query LIMIT candidates
  ), textless_leg AS MATERIALIZED (
    SELECT e.media_id FROM media_embedding e
     WHERE e.text_embedding IS NULL AND image_query IS NOT NULL
     ORDER BY e.image_embedding <=> image_query LIMIT candidates
  ), nominated AS (
    SELECT media_id FROM image_leg
    UNION SELECT media_id FROM text_leg
    UNION SELECT media_id FROM fused_leg
    UNION SELECT media_id FROM textless_leg
  ), cosines AS (
    SELECT e.media_id,
           1 - (e.image_embedding <=> image_query) AS sim_image,
           1 - (e.text_embedding <=> text_query) AS sim_text
      FROM nominated JOIN media_embedding e USING (media_id)
  )
  SELECT c.media_id,
         c.sim_image,
         c.sim_text,
         alpha * coalesce(c.sim_image, 0) + (1 - alpha) * coalesce(c.sim_text, 0) AS combined
    FROM cosines c
   ORDER BY combined DESC, c.sim_image DESC NULLS LAST, c.media_id
   LIMIT k;
END;
$$;

COMMENT ON FUNCTION search_media IS
  'The k media of the active space nearest to a query, by alpha * sim_image + (1 - alpha) * sim_text.';

CREATE FUNCTION similar_media(
  media_id uuid,
  k integer DEFAULT 3,
  alpha double precision DEFAULT 0.6
)
RETURNS SETOF media_match
LANGUAGE sql
STABLE
AS $$
  -- One more than asked for, since the media itself is its own nearest.
  SELECT found.media_id, found.sim_image, found.sim_text, found.combined
    FROM media_embedding own,
         LATERAL search_media(own.image_embedding, own.text_embedding, k + 1, alpha) found
   WHERE own.media_id = similar_media.media_id
     AND found.media_id <> similar_media.media_id
   ORDER BY found.combined DESC, found.sim_image DESC NULLS LAST, found.media_id
   LIMIT k;
$$;

COMMENT ON FUNCTION similar_media IS
  'The k media most similar to one that is stored, by alpha * sim_image + (1 - alpha) * sim_text.';
