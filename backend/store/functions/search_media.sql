-- How much effort a query needs depends on the data: pictures and words of a library have few real dimensions, and a
-- small effort finds everything; vectors without structure need thousands of steps, and then reading all is faster.
-- So the effort is tripled until three times the effort finds nothing better; where it finds much that is new, or no effort
-- is enough, and the library is of a size for it, everything is read.
CREATE OR REPLACE FUNCTION search_media(
  image_query vector,
  text_query vector,
  k integer DEFAULT 10,
  alpha double precision DEFAULT 0.6
)
RETURNS SETOF media_match
LANGUAGE plpgsql
STABLE
SET search_path FROM CURRENT
SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
  policy record;
  effort integer;
  found media_match[];
  before media_match[];
  fresh integer;
  exactly boolean;
BEGIN
  PERFORM check_query_parameters(k, alpha);
  PERFORM check_query_dimension(image_query, 'image');
  PERFORM check_query_dimension(text_query, 'text');
  SELECT * INTO policy FROM search_policy();
  exactly := (SELECT count(*) <= policy.few_media_in_sql
                FROM (SELECT FROM media_embedding LIMIT policy.few_media_in_sql + 1) few);
  IF image_query IS NULL AND text_query IS NULL AND NOT exactly THEN
    RETURN;
  END IF;
  IF NOT exactly THEN
    effort := least(policy.most_first_effort, greatest(policy.first_effort, policy.effort_per_row::bigint * k));
    found := ARRAY(SELECT m FROM search_media_by_index(image_query, text_query, k, alpha, effort) m);
    LOOP
      effort := policy.effort_growth * effort;
      before := found;
      found := ARRAY(SELECT m FROM search_media_by_index(image_query, text_query, k, alpha, effort) m);
      SELECT count(*) INTO fresh FROM unnest(found) f
       WHERE f.media_id <> ALL (ARRAY(SELECT b.media_id FROM unnest(before) b));
      EXIT WHEN fresh <= k / policy.stable_part OR fresh > k / policy.hopeless_part OR effort >= policy.last_effort;
    END LOOP;
    exactly := cardinality(found) < k OR (fresh > k / policy.stable_part AND (
      SELECT count(*) <= policy.readable_media
        FROM (SELECT FROM media_embedding LIMIT policy.readable_media + 1) many));
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
