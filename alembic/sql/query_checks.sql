-- What the public functions refuse, and how: SQLSTATE 22023 (invalid_parameter_value) with a hint on what to do.
CREATE FUNCTION check_query_parameters(k integer, alpha double precision)
RETURNS void
LANGUAGE plpgsql
IMMUTABLE
AS $$
BEGIN
  IF k IS NULL OR k < 1 THEN
    RAISE EXCEPTION 'k has to be at least 1, not %', coalesce(k::text, 'NULL')
      USING ERRCODE = 'invalid_parameter_value', HINT = 'k is how many rows are wanted.';
  END IF;
  IF alpha IS NULL OR NOT alpha BETWEEN 0 AND 1 THEN
    RAISE EXCEPTION 'alpha has to be between 0 and 1, not %', coalesce(alpha::text, 'NULL')
      USING ERRCODE = 'invalid_parameter_value',
            HINT = 'alpha is the weight of the image side: 1 looks at pictures only, 0 at words only.';
  END IF;
END;
$$;

COMMENT ON FUNCTION check_query_parameters IS
  'Raises invalid_parameter_value (22023) for k below 1, and for alpha outside 0 to 1.';

-- The dimension is read off the view, so that whoever may read that needs no right to more.
CREATE FUNCTION check_query_dimension(query vector, side text)
RETURNS void
LANGUAGE plpgsql
STABLE
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
END;
$$;

COMMENT ON FUNCTION check_query_dimension IS
  'Raises invalid_parameter_value (22023) for a query vector that has not the dimension of a side of the active space.';
