-- What the public functions refuse, and how: SQLSTATE 22023 (invalid_parameter_value) with a hint on what to do.
CREATE OR REPLACE FUNCTION check_query_parameters(k integer, alpha double precision)
RETURNS void
LANGUAGE plpgsql
IMMUTABLE
SET search_path FROM CURRENT
AS $$
DECLARE
  policy record;
BEGIN
  SELECT most_rows INTO policy FROM search_policy();
  IF k IS NULL OR k < 1 THEN
    RAISE EXCEPTION 'k has to be at least 1, not %', coalesce(k::text, 'NULL')
      USING ERRCODE = 'invalid_parameter_value', HINT = 'k is how many rows are wanted.';
  END IF;
  -- One more than the message says: similar_media asks search_media for a row more than it is asked for.
  IF k > policy.most_rows + 1 THEN
    RAISE EXCEPTION 'k has to be at most %, not %', policy.most_rows, k
      USING ERRCODE = 'invalid_parameter_value', HINT = 'k is how many rows are wanted; hundreds are found fast.';
  END IF;
  IF alpha IS NULL OR NOT alpha BETWEEN 0 AND 1 THEN
    RAISE EXCEPTION 'alpha has to be between 0 and 1, not %', coalesce(alpha::text, 'NULL')
      USING ERRCODE = 'invalid_parameter_value',
            HINT = 'alpha is the weight of the image side: 1 looks at pictures only, 0 at words only.';
  END IF;
END;
$$;

COMMENT ON FUNCTION check_query_parameters IS
  'Raises invalid_parameter_value (22023) for k outside 1 to 1,000,000,000, and for alpha outside 0 to 1.';
