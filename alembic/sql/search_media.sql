-- The public functions. They return rows of media_match, best first:
--   media_id, sim_image and sim_text (cosines), combined = alpha * sim_image + (1 - alpha) * sim_text.
-- A side that is missing, of the query or of a media, has a NULL cosine and adds nothing to `combined`.

-- Exact, at the cost of reading every embedding.
CREATE FUNCTION search_media_exactly(
  image_query vector,
  text_query vector,
  k integer DEFAULT 10,
  alpha double precision DEFAULT 0.6
)
RETURNS SETOF media_match
LANGUAGE plpgsql
STABLE
SET plan_cache_mode = force_custom_plan
AS $$
BEGIN
  PERFORM check_query_parameters(k, alpha);
  PERFORM check_query_dimension(image_query, 'image');
  PERFORM check_query_dimension(text_query, 'text');
  IF image_query IS NULL AND text_query IS NULL THEN
    RETURN;
  END IF;
  RETURN QUERY
  SELECT c.media_id,
         c.sim_image,
         c.sim_text,
         alpha * coalesce(c.sim_image, 0) + (1 - alpha) * coalesce(c.sim_text, 0) AS combined
    FROM (SELECT e.media_id,
                 1 - (e.image_embedding <=> image_query) AS sim_image,
                 1 - (e.text_embedding <=> text_query) AS sim_text
            FROM media_embedding e
          -- Without it the planner repeats each distance wherever it is named.
          OFFSET 0) c
   ORDER BY combined DESC, c.sim_image DESC NULLS LAST, c.media_id
   LIMIT k;
END;
$$;

COMMENT ON FUNCTION search_media_exactly IS
  'What search_media finds, by reading every embedding of the active space: the reference that recall is measured by.';

-- One pass over the HNSW indexes. Candidates come from every index that can nominate a winner at this alpha; their exact
-- cosines then decide. The fused index is strong in the middle, the single columns at the ends, and media without text
-- are in no index but the image's and their own. Each ORDER BY inside is by distance alone, since a second key would keep
-- the index from being used. `effort` is hnsw.ef_search.
CREATE FUNCTION search_media_by_index(
  image_query vector,
  text_query vector,
  k integer,
  alpha double precision,
  effort integer
)
RETURNS SETOF media_match
LANGUAGE plpgsql
STABLE
-- The planner has to see the real limits and queries; a generic plan would expect a tenth of the table.
SET plan_cache_mode = force_custom_plan
-- Lets a scan go on where more rows are asked for than ef_search. The order is made outside, so it may be relaxed;
-- the strict one leaves out what it meets too late.
SET hnsw.iterative_scan = relaxed_order
-- A function's own setting ends with the function, so what is set below does not leak to the caller.
SET hnsw.ef_search = 100
AS $$
DECLARE
  candidates integer := greatest(k, least(effort, 100 + 2 * k));
  two_sided boolean := image_query IS NOT NULL AND text_query IS NOT NULL;
  image_limit integer := CASE WHEN NOT two_sided OR alpha >= 0.7 THEN candidates ELSE 0 END;
  text_limit integer := CASE WHEN NOT two_sided OR alpha <= 0.3 THEN candidates ELSE 0 END;
  -- At the very ends too, as a second opinion from a graph of its own.
  fused_limit integer := CASE WHEN two_sided THEN candidates ELSE 0 END;
  fused_query halfvec;
BEGIN
  PERFORM check_query_parameters(k, alpha);
  PERFORM check_query_dimension(image_query, 'image');
  PERFORM check_query_dimension(text_query, 'text');
  IF two_sided THEN
    fused_query := (
      (array_fill(alpha::real, ARRAY[vector_dims(image_query)])::vector * image_query)
      || (array_fill((1 - alpha)::real, ARRAY[vector_dims(text_query)])::vector * text_query)
    )::halfvec;
  END IF;
  PERFORM set_config('hnsw.ef_search', least(1000, greatest(1, effort))::text, true);

  RETURN QUERY
  WITH image_leg AS MATERIALIZED (
    SELECT e.media_id FROM media_embedding e
     WHERE image_query IS NOT NULL
     ORDER BY e.image_embedding <=> image_query LIMIT image_limit
  ), text_leg AS MATERIALIZED (
    SELECT e.media_id FROM media_embedding e
     WHERE text_query IS NOT NULL AND e.text_embedding IS NOT NULL
     ORDER BY e.text_embedding <=> text_query LIMIT text_limit
  ), fused_leg AS MATERIALIZED (
    SELECT e.media_id FROM media_embedding e
     WHERE fused_query IS NOT NULL
     ORDER BY e.fused_embedding <#> fused_query LIMIT fused_limit
  ), textless_leg AS MATERIALIZED (
    SELECT e.media_id FROM media_embedding e
     WHERE e.text_embedding IS NULL AND image_query IS NOT NULL AND text_query IS NOT NULL
     ORDER BY e.image_embedding <=> image_query LIMIT k
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
END;
$$;

COMMENT ON FUNCTION search_media_by_index IS
  'One pass of search_media over the HNSW indexes, with hnsw.ef_search = effort. Approximate; prefer search_media.';

-- How much effort a query needs depends on the data: pictures and words of a library have few real dimensions, and a
-- small effort finds everything; vectors without structure need thousands of steps, and then reading all is faster.
-- So the effort is tripled until three times the effort finds nothing better; where it finds much that is new, or no effort
-- is enough, and the library is of a size for it, everything is read.
CREATE FUNCTION search_media(
  image_query vector,
  text_query vector,
  k integer DEFAULT 10,
  alpha double precision DEFAULT 0.6
)
RETURNS SETOF media_match
LANGUAGE plpgsql
STABLE
SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
  small_library CONSTANT integer := 2000;
  readable_library CONSTANT integer := 250000;
  effort integer := least(500, greatest(60, 2 * k));
  found media_match[];
  before media_match[];
  fresh integer;
  exactly boolean;
BEGIN
  PERFORM check_query_parameters(k, alpha);
  PERFORM check_query_dimension(image_query, 'image');
  PERFORM check_query_dimension(text_query, 'text');
  exactly := (SELECT count(*) <= small_library FROM (SELECT FROM media_embedding LIMIT small_library + 1) few);
  IF image_query IS NULL AND text_query IS NULL AND NOT exactly THEN
    RETURN;
  END IF;
  IF NOT exactly THEN
    found := ARRAY(SELECT m FROM search_media_by_index(image_query, text_query, k, alpha, effort) m);
    LOOP
      effort := 3 * effort;
      before := found;
      found := ARRAY(SELECT m FROM search_media_by_index(image_query, text_query, k, alpha, effort) m);
      SELECT count(*) INTO fresh FROM unnest(found) f
       WHERE f.media_id <> ALL (ARRAY(SELECT b.media_id FROM unnest(before) b));
      EXIT WHEN fresh <= k / 50 OR fresh > k / 4 OR effort >= 540;
    END LOOP;
    exactly := cardinality(found) < k OR (fresh > k / 50 AND (
      SELECT count(*) <= readable_library FROM (SELECT FROM media_embedding LIMIT readable_library + 1) many));
  END IF;
  IF exactly THEN
    RETURN QUERY SELECT * FROM search_media_exactly(image_query, text_query, k, alpha);
  ELSE
    RETURN QUERY
    SELECT f.* FROM unnest(found) f ORDER BY f.combined DESC, f.sim_image DESC NULLS LAST, f.media_id;
  END IF;
END;
$$;

COMMENT ON FUNCTION search_media IS
  'The k media of the active space nearest to a query, by alpha * sim_image + (1 - alpha) * sim_text. Uses the HNSW '
  'indexes as long as more effort finds nothing better, and reads every embedding where they do not serve.';

CREATE FUNCTION similar_media(
  media_id uuid,
  k integer DEFAULT 3,
  alpha double precision DEFAULT 0.6
)
RETURNS SETOF media_match
LANGUAGE plpgsql
STABLE
AS $$
-- Names of columns are columns; parameters are named by the function.
#variable_conflict use_column
DECLARE
  own record;
BEGIN
  PERFORM check_query_parameters(similar_media.k, similar_media.alpha);
  SELECT e.image_embedding, e.text_embedding INTO own FROM media_embedding e WHERE e.media_id = similar_media.media_id;
  IF NOT FOUND THEN
    -- Not embedded yet is no mistake: there will be rows.
    IF similar_media.media_id IS NOT NULL AND NOT EXISTS (SELECT FROM media WHERE media.id = similar_media.media_id) THEN
      RAISE EXCEPTION 'there is no media %', similar_media.media_id
        USING ERRCODE = 'no_data_found', HINT = 'Take an id of the table media.';
    END IF;
    RETURN;
  END IF;
  RETURN QUERY
  -- One more than asked for, since the media itself is its own nearest.
  SELECT found.media_id, found.sim_image, found.sim_text, found.combined
    FROM search_media(own.image_embedding, own.text_embedding, similar_media.k + 1, similar_media.alpha) found
   WHERE found.media_id <> similar_media.media_id
   ORDER BY found.combined DESC, found.sim_image DESC NULLS LAST, found.media_id
   LIMIT similar_media.k;
END;
$$;

COMMENT ON FUNCTION similar_media IS
  'The k media most similar to one that is stored, by alpha * sim_image + (1 - alpha) * sim_text; see search_media. '
  'No rows for a media that is not embedded yet; no_data_found (P0002) for an id that is unknown.';
