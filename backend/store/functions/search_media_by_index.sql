-- One pass over the HNSW indexes. Candidates come from every index that can nominate a winner at this alpha; their exact
-- cosines then decide. The fused index is strong in the middle, the single columns at the ends, and media without text
-- are in no index but the image's and their own. Each ORDER BY inside is by distance alone, since a second key would keep
-- the index from being used. `effort` is hnsw.ef_search.
CREATE OR REPLACE FUNCTION search_media_by_index(
  image_query vector,
  text_query vector,
  k integer,
  alpha double precision,
  effort integer
)
RETURNS SETOF media_match
LANGUAGE plpgsql
STABLE
SET search_path FROM CURRENT
-- The planner has to see the real limits and queries; a generic plan would expect a tenth of the table.
SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
  -- Reading a vector loads pgvector's library, and with it the settings. They are given back at the end, and by Postgres after an
  -- error. `SET hnsw.…` above would do that too, but only superusers may define such a function before the library is loaded, so
  -- others could not load a dump.
  loaded vector := '[1]';
  own_effort text := current_setting('hnsw.ef_search');
  own_scan text := current_setting('hnsw.iterative_scan');
  policy record;
  least_candidates bigint;
  candidates bigint;
  two_sided boolean := image_query IS NOT NULL AND text_query IS NOT NULL;
  image_limit bigint;
  text_limit bigint;
  fused_limit bigint;
  half_image halfvec := image_query::halfvec;
  half_text halfvec := text_query::halfvec;
  fused_query halfvec;
BEGIN
  PERFORM check_query_parameters(k, alpha);
  PERFORM check_query_vector(image_query, 'image');
  PERFORM check_query_vector(text_query, 'text');
  SELECT * INTO policy FROM search_policy();
  least_candidates := k::bigint + k / policy.spare_part + policy.spare_base;
  candidates := greatest(least_candidates, least(effort, policy.depth_base + policy.depth_per_row::bigint * k));
  image_limit := CASE WHEN NOT two_sided OR alpha >= policy.image_from_alpha THEN candidates ELSE 0 END;
  text_limit := CASE WHEN NOT two_sided OR alpha <= policy.text_up_to_alpha THEN candidates ELSE 0 END;
  -- At the very ends too, as a second opinion from a graph of its own.
  fused_limit := CASE WHEN two_sided THEN candidates ELSE 0 END;
  IF two_sided THEN
    fused_query := (
      (array_fill(alpha::real, ARRAY[vector_dims(image_query)])::vector * image_query)
      || (array_fill((1 - alpha)::real, ARRAY[vector_dims(text_query)])::vector * text_query)
    )::halfvec;
  END IF;
  PERFORM set_config('hnsw.ef_search', least(policy.most_effort, greatest(1, effort))::text, true);
  -- Lets a scan go on where more rows are asked for than ef_search. The order is made outside, so it may be relaxed; the strict one
  -- leaves out what it meets too late.
  PERFORM set_config('hnsw.iterative_scan', 'relaxed_order', true);

  RETURN QUERY
  WITH image_leg AS MATERIALIZED (
    SELECT e.media_id FROM media_embedding e
     WHERE image_query IS NOT NULL
     ORDER BY e.image_half <=> half_image LIMIT image_limit
  ), text_leg AS MATERIALIZED (
    SELECT e.media_id FROM media_embedding e
     WHERE text_query IS NOT NULL AND e.text_embedding IS NOT NULL
     ORDER BY e.text_half <=> half_text LIMIT text_limit
  ), fused_leg AS MATERIALIZED (
    SELECT e.media_id FROM media_embedding e
     WHERE fused_query IS NOT NULL
     ORDER BY e.fused_embedding <#> fused_query LIMIT fused_limit
  ), textless_leg AS MATERIALIZED (
    SELECT e.media_id FROM media_embedding e
     WHERE e.text_embedding IS NULL AND image_query IS NOT NULL AND text_query IS NOT NULL
     ORDER BY e.image_half <=> half_image LIMIT least_candidates
  ), unmeasured_leg AS MATERIALIZED (
    -- To words alone all media without text are equal.
    SELECT e.media_id FROM media_embedding e
     WHERE e.text_embedding IS NULL AND image_query IS NULL
     ORDER BY e.media_id LIMIT k
  ), nominated AS (
    SELECT media_id FROM image_leg
    UNION SELECT media_id FROM text_leg
    UNION SELECT media_id FROM fused_leg
    UNION SELECT media_id FROM textless_leg
    UNION SELECT media_id FROM unmeasured_leg
  ), cosines AS MATERIALIZED (
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
  PERFORM set_config('hnsw.ef_search', own_effort, true), set_config('hnsw.iterative_scan', own_scan, true);
END;
$$;

COMMENT ON FUNCTION search_media_by_index IS
  'One pass of search_media over the HNSW indexes, with hnsw.ef_search = effort. Approximate; prefer search_media.';
