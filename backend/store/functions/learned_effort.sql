-- The effort at which one pass finds enough for such a query, as the last audit of this space has learned it: the greater of those of the alphas
-- on both sides. 0 if no effort does; NULL if it is not known, for so many rows or since the library has more than doubled.
--
-- With the rights of its owner, so that callers of search_media need none on these tables. It tells them one number.
CREATE OR REPLACE FUNCTION learned_effort(sides text, k integer, alpha double precision)
RETURNS integer
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path FROM CURRENT
AS $$
#variable_conflict use_column
DECLARE
  step constant double precision := 0.1;
  -- A multiple of the step is not always the nearest number to it.
  rounding constant double precision := 1e-9;
BEGIN
  RETURN (
    SELECT CASE WHEN min(e.effort) = 0 THEN 0 ELSE max(e.effort) END
      FROM search_effort e
      JOIN space s ON s.id = e.space_id AND s.state = 'active'
     WHERE e.sides = learned_effort.sides
       AND e.k = (SELECT min(known.k) FROM search_effort known WHERE known.space_id = s.id AND known.k >= learned_effort.k)
       AND (learned_effort.sides <> 'both'
            OR e.alpha BETWEEN floor(learned_effort.alpha / step + rounding) * step - rounding
                           AND ceil(learned_effort.alpha / step - rounding) * step + rounding)
       AND (SELECT reltuples FROM pg_class WHERE oid = to_regclass(format('embedding_%s', s.id))) <= 2 * e.media_count);
END;
$$;

COMMENT ON FUNCTION learned_effort IS
  'The hnsw.ef_search at which one pass over the indexes finds enough, by the last audit. 0: none does. NULL: not known.';
