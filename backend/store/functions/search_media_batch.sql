-- search_media for many queries in one call. Filters are the same for all, and looked up once where few media pass.
CREATE OR REPLACE FUNCTION search_media_batch(
  image_queries vector[],
  text_queries vector[],
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
RETURNS TABLE (query integer, media_id uuid, sim_image double precision, sim_text double precision, combined double precision)
LANGUAGE plpgsql
STABLE
SET search_path FROM CURRENT
AS $$
-- Names of columns are columns; parameters are named by the function.
#variable_conflict use_column
DECLARE
  most integer := (SELECT few_filtered_media FROM search_policy());
  matching uuid[];
BEGIN
  PERFORM check_query_parameters(search_media_batch.k, search_media_batch.alpha);
  IF cardinality(image_queries) <> cardinality(text_queries) THEN
    RAISE EXCEPTION 'there are % image queries and % text queries', cardinality(image_queries), cardinality(text_queries)
      USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Give as many of both, with NULL where a query has one side only, or NULL for all of one side.';
  END IF;
  PERFORM check_query_vector(image, 'image') FROM unnest(image_queries) AS image;
  PERFORM check_query_vector(words, 'text') FROM unnest(text_queries) AS words;
  IF has_filters(
       search_media_batch.keywords_any, search_media_batch.keywords_all, search_media_batch.taken_from, search_media_batch.taken_until,
       search_media_batch.location, search_media_batch.mime, search_media_batch.source, search_media_batch.cluster_ids) THEN
    matching := ARRAY(
      SELECT matching_media(
        NULL, most + 1, search_media_batch.keywords_any, search_media_batch.keywords_all, search_media_batch.taken_from,
        search_media_batch.taken_until, search_media_batch.location, search_media_batch.mime, search_media_batch.source,
        search_media_batch.cluster_ids));
  END IF;
  IF cardinality(matching) <= most THEN
    RETURN QUERY
    SELECT asked.place::integer, found.*
      FROM unnest(image_queries, text_queries) WITH ORDINALITY AS asked (image, words, place),
           LATERAL search_media_among(asked.image, asked.words, search_media_batch.k, search_media_batch.alpha, matching) AS found
     ORDER BY asked.place, found.combined DESC, found.sim_image DESC NULLS LAST, found.media_id;
    RETURN;
  END IF;
  RETURN QUERY
  SELECT asked.place::integer, found.*
    FROM unnest(image_queries, text_queries) WITH ORDINALITY AS asked (image, words, place),
         LATERAL search_media(
           asked.image, asked.words, search_media_batch.k, search_media_batch.alpha, search_media_batch.keywords_any,
           search_media_batch.keywords_all, search_media_batch.taken_from, search_media_batch.taken_until, search_media_batch.location,
           search_media_batch.mime, search_media_batch.source, search_media_batch.cluster_ids) AS found
   ORDER BY asked.place, found.combined DESC, found.sim_image DESC NULLS LAST, found.media_id;
END;
$$;

COMMENT ON FUNCTION search_media_batch IS
  'search_media for many queries at once: a row for each hit, with the place of its query, from 1. The arrays have the same length; one of them may be NULL.';
