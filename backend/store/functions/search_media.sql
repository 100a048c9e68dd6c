-- How much effort a query needs depends on the data: pictures and words of a library have few real dimensions, and a
-- small effort finds everything; vectors without structure need thousands of steps, and then reading all is faster.
--
-- `mediacluster audit --recall` learns the effort of a library for each alpha, and one pass at that effort answers. Where it has not,
-- the effort is tripled until three times the effort finds nothing better; where it finds much that is new, or no effort
-- is enough, and the library is of a size for it, everything is read.
--
-- Filters keep the order: the first k that pass among the nearest of all are the nearest k that pass. So where more than
-- few_filtered_media pass, the nearest 3 k, 9 k, ... up to most_overdrawn are searched for as without filters, until k of them
-- pass. Where fewer pass, or so many of the nearest do not, each one that passes is measured, which is exact at any selectivity.
CREATE OR REPLACE FUNCTION search_media(
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
DECLARE
  policy record;
  effort integer;
  found media_match[];
  before media_match[];
  fresh integer;
  exactly boolean;
  matching uuid[];
BEGIN
  PERFORM check_query_parameters(k, alpha);
  PERFORM check_query_vector(image_query, 'image');
  PERFORM check_query_vector(text_query, 'text');
  SELECT * INTO policy FROM search_policy();
  IF has_filters(keywords_any, keywords_all, taken_from, taken_until, location, mime, source, cluster_ids) THEN
    matching := ARRAY(
      SELECT matching_media(
        NULL, policy.few_filtered_media + 1,
        keywords_any, keywords_all, taken_from, taken_until, location, mime, source, cluster_ids));
    IF cardinality(matching) > policy.few_filtered_media THEN
      effort := k;
      WHILE policy.effort_growth::bigint * effort <= policy.most_overdrawn LOOP
        effort := policy.effort_growth * effort;
        before := ARRAY(SELECT m FROM search_media(image_query, text_query, effort, alpha) m);
        matching := ARRAY(
          SELECT matching_media(
            ARRAY(SELECT b.media_id FROM unnest(before) b), NULL,
            keywords_any, keywords_all, taken_from, taken_until, location, mime, source, cluster_ids));
        IF cardinality(matching) >= k THEN
          RETURN QUERY
          SELECT b.* FROM unnest(before) b WHERE b.media_id = ANY (matching)
           ORDER BY b.combined DESC, b.sim_image DESC NULLS LAST, b.media_id
           LIMIT k;
          RETURN;
        END IF;
      END LOOP;
      matching := ARRAY(
        SELECT matching_media(
          NULL, NULL, keywords_any, keywords_all, taken_from, taken_until, location, mime, source, cluster_ids));
    END IF;
    RETURN QUERY SELECT * FROM search_media_among(image_query, text_query, k, alpha, matching);
    RETURN;
  END IF;
  exactly := (SELECT count(*) <= policy.few_media_in_sql
                FROM (SELECT FROM media_embedding LIMIT policy.few_media_in_sql + 1) few);
  IF image_query IS NULL AND text_query IS NULL AND NOT exactly THEN
    RETURN;
  END IF;
  IF NOT exactly THEN
    effort := learned_effort(
      CASE WHEN text_query IS NULL THEN 'image' WHEN image_query IS NULL THEN 'text' ELSE 'both' END, k, alpha);
    IF effort > 0 THEN
      found := ARRAY(SELECT m FROM search_media_by_index(image_query, text_query, k, alpha, effort) m);
      exactly := cardinality(found) < k;
    ELSE
      -- Where no effort serves, and the library is of a size for it, nothing is tried.
      exactly := effort = 0 IS TRUE AND (
        SELECT count(*) <= policy.readable_media
          FROM (SELECT FROM media_embedding LIMIT policy.readable_media + 1) many);
    END IF;
    IF found IS NULL AND NOT exactly THEN
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
  'indexes as long as more effort finds nothing better, and reads every embedding where they do not serve. '
  'With filters: the nearest k of those that pass. Up to 20,000 that pass are all measured, which is exact; of more, the first k '
  'that pass among the nearest some hundred of all, or again all that pass are measured where these hold too few.';
