-- The numbers of fused search. They stand only here: the SQL functions select them, and Python reads this file
-- (backend/store/search/policy.py), so that both search alike. docs/decisions/0011 has the measurements behind them.
-- A function and not a view, because a caller of search_media then needs no further grant. It returns a set of one row,
-- because Postgres puts only those into the calling query.
CREATE OR REPLACE FUNCTION search_policy()
RETURNS TABLE (
  first_effort integer,
  most_first_effort integer,
  effort_per_row integer,
  effort_growth integer,
  last_effort integer,
  most_effort integer,
  depth_base integer,
  depth_per_row integer,
  spare_base integer,
  spare_part integer,
  image_from_alpha double precision,
  text_up_to_alpha double precision,
  stable_part integer,
  hopeless_part integer,
  few_media_in_sql integer,
  few_media integer,
  few_filtered_media integer,
  readable_media integer,
  most_overdrawn integer,
  most_rows integer
)
LANGUAGE sql
IMMUTABLE PARALLEL SAFE
ROWS 1
AS $$
  SELECT
    -- Effort is hnsw.ef_search. The first pass takes effort_per_row * k, but at least first_effort and at most
    -- most_first_effort; each further pass multiplies it, up to last_effort. pgvector allows most_effort.
    60 AS first_effort,
    500 AS most_first_effort,
    2 AS effort_per_row,
    3 AS effort_growth,
    540 AS last_effort,
    1000 AS most_effort,
    -- An index names at most depth_base + depth_per_row * k candidates.
    100 AS depth_base,
    2 AS depth_per_row,
    -- It names at least k + k / spare_part + spare_base: it is in half precision, so the last places of its order are not certain.
    10 AS spare_base,
    10 AS spare_part,
    -- Where a query has both sides: the alphas at which one side's own index can name a winner.
    0.7 AS image_from_alpha,
    0.3 AS text_up_to_alpha,
    -- A pass with at most k / stable_part new rows has found what there is. One with more than k / hopeless_part has
    -- found that the indexes do not serve this library.
    50 AS stable_part,
    4 AS hopeless_part,
    -- Up to so many media are all measured at once: by search_media, by the service, and by the service under filters.
    2000 AS few_media_in_sql,
    5000 AS few_media,
    20000 AS few_filtered_media,
    -- Up to so many, measuring all is slow but acceptable where the indexes do not serve.
    250000 AS readable_media,
    -- How many of the nearest of all search_media looks through for those that pass broad filters. An index names 1,000 at most.
    500 AS most_overdrawn,
    -- Sums of k stay within an integer.
    1000000000 AS most_rows
$$;

COMMENT ON FUNCTION search_policy IS
  'The numbers that search_media and the service search by: efforts, depths, and sizes up to which everything is measured.';
