-- Immutable, as an index needs it; casting the array to text, which would do it at once, is only stable.
CREATE OR REPLACE FUNCTION lowercase_keywords(keywords text[])
RETURNS text[]
LANGUAGE sql
IMMUTABLE PARALLEL SAFE
RETURN ARRAY(SELECT lower(keyword) FROM unnest(keywords) AS keyword);
