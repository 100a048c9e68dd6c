-- A date as the HTTP API reads it (backend/rules/dates/filters.py): a year, month, day, minute or second means all of it.
CREATE OR REPLACE FUNCTION read_filter_date(written text, field text, is_end boolean)
RETURNS timestamptz
LANGUAGE plpgsql
IMMUTABLE
SET search_path FROM CURRENT
AS $$
DECLARE
  -- Year; month; or hyphen, month and day; hour, minute, second, fraction, zone.
  part text[] := regexp_match(
    upper(btrim(written, E' \t\n\r')),
    '^([0-9]{4})(?:-([0-9]{2})|(-?)([0-9]{2})\3([0-9]{2})(?:[T ]([0-9]{2}):?([0-5][0-9])(?::?([0-5][0-9])(?:[.,]([0-9]+))?)?'
    '(Z|[+-][0-9]{2}(?::?[0-5][0-9])?)?)?)?$');
  zone text := coalesce(nullif(part[10], 'Z'), '+00');
  unit interval := CASE
    WHEN part[9] IS NOT NULL THEN interval '1 microsecond'
    WHEN part[8] IS NOT NULL THEN interval '1 second'
    WHEN part[7] IS NOT NULL THEN interval '1 minute'
    WHEN part[5] IS NOT NULL THEN interval '1 day'
    WHEN part[2] IS NOT NULL THEN interval '1 month'
    ELSE interval '1 year' END;
  clock timestamp;
  moment timestamptz;
BEGIN
  IF btrim(written, E' \t\n\r') = '' OR written IS NULL THEN
    RETURN NULL;
  END IF;
  IF part IS NOT NULL AND coalesce(part[6], '00') < '24' AND substr(zone, 2, 2) < '24' THEN
    BEGIN
      clock := make_timestamp(
        part[1]::integer, coalesce(part[2], part[4], '01')::integer, coalesce(part[5], '01')::integer,
        coalesce(part[6], '00')::integer, coalesce(part[7], '00')::integer,
        (coalesce(part[8], '00') || '.' || coalesce(left(part[9], 6), '0'))::double precision);
      IF is_end THEN
        clock := clock + unit - interval '1 microsecond';
      END IF;
      moment := (clock - (left(zone, 3) || ':' || coalesce(nullif(right(replace(zone, ':', ''), -3), ''), '00'))::interval)
                AT TIME ZONE 'UTC';
    EXCEPTION WHEN datetime_field_overflow THEN
      moment := NULL;
    END;
  END IF;
  IF moment IS NULL OR extract(year FROM moment AT TIME ZONE 'UTC') NOT BETWEEN 1 AND 9999 THEN
    RAISE EXCEPTION '% is %, which is not a date', field, quote_literal(left(written, 64))
      USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Write a year, month or day, such as 2015, 2015-06 or 2015-06-06, or a time, such as '
                   '2015-06-06T12:30:00+02:00. Give a timestamptz as text: now()::text.';
  END IF;
  RETURN moment;
END;
$$;

COMMENT ON FUNCTION read_filter_date IS
  'The first moment of the year, month, day, minute or second that a filter names, or its last microsecond; NULL without one.';
