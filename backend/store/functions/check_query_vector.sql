-- The dimension is read off the view, so that whoever may read that needs no right to more.
CREATE OR REPLACE FUNCTION check_query_vector(query vector, side text)
RETURNS void
LANGUAGE plpgsql
STABLE
SET search_path FROM CURRENT
AS $$
DECLARE
  expected integer := (
    SELECT atttypmod FROM pg_attribute
     WHERE attrelid = 'media_embedding'::regclass AND attname = side || '_embedding');
BEGIN
  -- Without a space the view has no dimensions, and nothing is there to be found.
  IF query IS NOT NULL AND expected > 0 AND vector_dims(query) <> expected THEN
    RAISE EXCEPTION 'the % query has % dimensions, but the active space has %', side, vector_dims(query), expected
      USING ERRCODE = 'invalid_parameter_value',
            HINT = format('Give a vector(%s) that was made by the %s encoder of the active space (table space).',
                          expected, side);
  END IF;
  -- By what will be measured: a length that single precision takes for 0 or for infinity has no cosines either.
  IF (query <=> query) = 'NaN' THEN
    RAISE EXCEPTION 'the % query is not a direction: its length is 0, or too small or large to measure', side
      USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Embed the query again, and give a unit vector. NULL leaves out this side.';
  END IF;
END;
$$;

COMMENT ON FUNCTION check_query_vector IS
  'Raises invalid_parameter_value (22023) for a query vector that has not the dimension of a side of the active space, or no direction.';
