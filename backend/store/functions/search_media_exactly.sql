-- The public functions. They return rows of media_match, best first:
--   media_id, sim_image and sim_text (cosines), combined = alpha * sim_image + (1 - alpha) * sim_text.
-- A side that is missing, of the query or of a media, has a NULL cosine and adds nothing to `combined`.

-- Exact, at the cost of reading every embedding that the filters let pass.
CREATE OR REPLACE FUNCTION search_media_exactly(
  image_query vector,
  text_query vector,
  k integer DEFAULT 10,
  alpha double precision DEFAULT 0.6,
  keywords_any text[] DEFAULT NULL,
  keywords_all text[] DEFAULT NULL,
  taken_from text DEFAULT NULL,
  taken_until text DEFAULT NULL,
  location text DEFAULT NULL,
  mime text[] DEFAULT NULL,
  source text[] DEFAULT NULL,
  cluster_ids bigint[] DEFAULT NULL
)
RETURNS SETOF media_match
LANGUAGE plpgsql
STABLE
SET search_path FROM CURRENT
SET plan_cache_mode = force_custom_plan
AS $$
BEGIN
  PERFORM check_query_parameters(k, alpha);
  PERFORM check_query_vector(image_query, 'image');
  PERFORM check_query_vector(text_query, 'text');
  IF image_query IS NULL AND text_query IS NULL THEN
    RETURN;
  END IF;
  IF has_filters(keywords_any, keywords_all, taken_from, taken_until, location, mime, source, cluster_ids) THEN
    RETURN QUERY
    SELECT * FROM search_media_among(image_query, text_query, k, alpha, ARRAY(
      SELECT matching_media(
        NULL, NULL, keywords_any, keywords_all, taken_from, taken_until, location, mime, source, cluster_ids)));
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
  'What search_media finds, by reading every embedding of the active space that the filters let pass: the reference that '
  'recall is measured by.';
