-- Immutable, as an index needs it.
CREATE OR REPLACE FUNCTION folded_keywords(keywords text[])
RETURNS text[]
LANGUAGE sql
IMMUTABLE PARALLEL SAFE
RETURN ARRAY(SELECT folded(keyword) FROM unnest(keywords) AS keyword);
