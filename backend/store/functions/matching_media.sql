-- What filters let pass: all of `media`, or those `among` some. `most` is a bound to the number of rows. The conditions are those of
-- `match` in backend/store/search/candidates.py. Those that are not given are gone when the plan is made, since that sees the values.
CREATE OR REPLACE FUNCTION matching_media(
  among uuid[],
  most integer,
  keywords_any text[],
  keywords_all text[],
  taken_from text,
  taken_until text,
  location text,
  mime text[],
  source text[],
  cluster_ids bigint[]
)
RETURNS SETOF uuid
LANGUAGE plpgsql
STABLE
SET search_path FROM CURRENT
SET plan_cache_mode = force_custom_plan
-- A role may have set it, and keywords would then be found at random.
SET gin_fuzzy_search_limit = 0
AS $$
-- Names of columns are columns; parameters are named by the function.
#variable_conflict use_column
DECLARE
  begins timestamptz := read_filter_date(matching_media.taken_from, 'taken_from', false);
  ends timestamptz := read_filter_date(matching_media.taken_until, 'taken_until', true);
  one_of text[] := ARRAY(SELECT folded(btrim(word)) FROM unnest(matching_media.keywords_any) word);
  all_of text[] := ARRAY(SELECT folded(btrim(word)) FROM unnest(matching_media.keywords_all) word);
  place text := nullif(folded(btrim(matching_media.location)), '');
BEGIN
  IF '' = ANY (one_of || all_of || matching_media.mime || matching_media.source)
     OR array_position(one_of || all_of || matching_media.mime || matching_media.source, NULL) IS NOT NULL
     OR array_position(matching_media.cluster_ids, NULL) IS NOT NULL THEN
    RAISE EXCEPTION 'a filter has an empty value'
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Leave out the value, or the filter.';
  END IF;
  IF begins > ends THEN
    RAISE EXCEPTION 'taken_until is before taken_from'
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Swap them.';
  END IF;
  -- Read first, since a subquery beside an OR would be asked for every row of media.
  IF cardinality(matching_media.cluster_ids) > 0 THEN
    among := ARRAY(
      SELECT membership.media_id FROM membership
       WHERE membership.cluster_id = ANY (matching_media.cluster_ids)
         AND (matching_media.among IS NULL OR membership.media_id = ANY (matching_media.among)));
  END IF;
  RETURN QUERY
  SELECT media.id
    FROM media
   WHERE (matching_media.among IS NULL OR media.id = ANY (matching_media.among))
     AND (cardinality(one_of) = 0 OR folded_keywords(media.keywords) && one_of)
     AND (cardinality(all_of) = 0 OR folded_keywords(media.keywords) @> all_of)
     AND (begins IS NULL OR media.taken_at >= begins)
     AND (ends IS NULL OR media.taken_at <= ends)
     AND (place IS NULL OR strpos(folded(media.location), place) > 0)
     -- What the index of locations needs. Of a few media, each would have to be taken apart.
     AND (place IS NULL OR matching_media.among IS NOT NULL OR folded_trigrams(media.location) @> folded_trigrams(place))
     AND (coalesce(cardinality(matching_media.mime), 0) = 0 OR media.mime = ANY (matching_media.mime))
     AND (coalesce(cardinality(matching_media.source), 0) = 0 OR media.source = ANY (matching_media.source))
   LIMIT most;
END;
$$;

COMMENT ON FUNCTION matching_media IS
  'The media that pass the filters of search_media, without regard to embeddings.';
