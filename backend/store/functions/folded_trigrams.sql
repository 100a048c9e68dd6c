-- All three characters in a row of a text, as `folded` writes them. A text that contains another has all trigrams of that one, so an index on
-- them serves a search for parts; one of up to two characters has none, and every text contains its trigrams. Immutable, as an index needs it.
CREATE OR REPLACE FUNCTION folded_trigrams(said text)
RETURNS text[]
LANGUAGE sql
IMMUTABLE PARALLEL SAFE
-- About 20 µs: the planner should compute it last, and read the index instead where it can.
COST 200
-- Under the force_custom_plan of a caller, Postgres 18 would plan it again for every row.
SET plan_cache_mode = auto
RETURN ARRAY(
  SELECT substr(whole, n, 3)
    FROM (SELECT folded(said) AS whole) AS one, generate_series(1, char_length(whole) - 2) AS n);
