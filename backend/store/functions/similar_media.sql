CREATE OR REPLACE FUNCTION similar_media(
  media_id uuid,
  k integer DEFAULT 3,
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
    FROM search_media(
           own.image_embedding, own.text_embedding, similar_media.k + 1, similar_media.alpha,
           similar_media.keywords_any, similar_media.keywords_all, similar_media.taken_from, similar_media.taken_until,
           similar_media.location, similar_media.mime, similar_media.source, similar_media.cluster_ids) found
   WHERE found.media_id <> similar_media.media_id
   ORDER BY found.combined DESC, found.sim_image DESC NULLS LAST, found.media_id
   LIMIT similar_media.k;
END;
$$;

COMMENT ON FUNCTION similar_media IS
  'The k media most similar to one that is stored, by alpha * sim_image + (1 - alpha) * sim_text; see search_media, also for filters. '
  'No rows for a media that is not embedded yet; no_data_found (P0002) for an id that is unknown.';
