-- Exact: measures every one of some media. Its callers have checked the query.
CREATE OR REPLACE FUNCTION search_media_among(
  image_query vector,
  text_query vector,
  k integer,
  alpha double precision,
  media_ids uuid[]
)
RETURNS SETOF media_match
LANGUAGE plpgsql
STABLE
SET search_path FROM CURRENT
-- The planner has to see how many there are.
SET plan_cache_mode = force_custom_plan
AS $$
BEGIN
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
            FROM unnest(media_ids) AS wanted (media_id) JOIN media_embedding e USING (media_id)
          -- Without it the planner repeats each distance wherever it is named.
          OFFSET 0) c
   ORDER BY combined DESC, c.sim_image DESC NULLS LAST, c.media_id
   LIMIT k;
END;
$$;

COMMENT ON FUNCTION search_media_among IS
  'The k of some media nearest to a query, like search_media. Exact: measures every one of them.';
