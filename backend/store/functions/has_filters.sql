-- Whether any filter of search_media is given. Empty values are none, as in the HTTP API.
CREATE OR REPLACE FUNCTION has_filters(
  keywords_any text[],
  keywords_all text[],
  taken_from text,
  taken_until text,
  location text,
  mime text[],
  source text[],
  cluster_ids bigint[]
)
RETURNS boolean
LANGUAGE sql
IMMUTABLE PARALLEL SAFE
RETURN cardinality(keywords_any) > 0 IS TRUE OR cardinality(keywords_all) > 0 IS TRUE OR cardinality(mime) > 0 IS TRUE
  OR cardinality(source) > 0 IS TRUE OR cardinality(cluster_ids) > 0 IS TRUE
  OR concat(taken_from, taken_until, location) <> '';
