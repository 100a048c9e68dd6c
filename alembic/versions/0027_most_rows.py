"""An upper bound for the rows of a query, whose sums are integers"""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

# One more than is said: similar_media asks search_media for a row more than it is asked for.
_BOUNDED = """
  IF k > 1000000001 THEN
    RAISE EXCEPTION 'k has to be at most 1000000000, not %', k
      USING ERRCODE = 'invalid_parameter_value', HINT = 'k is how many rows are wanted; hundreds are found fast.';
  END IF;"""


def _replace(bounded: str, says: str) -> None:
    op.execute(
        f"""
        CREATE OR REPLACE FUNCTION check_query_parameters(k integer, alpha double precision)
        RETURNS void
        LANGUAGE plpgsql
        IMMUTABLE
        AS $$
        BEGIN
          IF k IS NULL OR k < 1 THEN
            RAISE EXCEPTION 'k has to be at least 1, not %', coalesce(k::text, 'NULL')
              USING ERRCODE = 'invalid_parameter_value', HINT = 'k is how many rows are wanted.';
          END IF;{bounded}
          IF alpha IS NULL OR NOT alpha BETWEEN 0 AND 1 THEN
            RAISE EXCEPTION 'alpha has to be between 0 and 1, not %', coalesce(alpha::text, 'NULL')
              USING ERRCODE = 'invalid_parameter_value',
                    HINT = 'alpha is the weight of the image side: 1 looks at pictures only, 0 at words only.';
          END IF;
        END;
        $$
        """
    )
    op.execute(
        "COMMENT ON FUNCTION check_query_parameters IS "
        f"'Raises invalid_parameter_value (22023) for k {says}, and for alpha outside 0 to 1.'"
    )


def _rewrite(old: str, new: str) -> None:
    """In the functions that add before they check."""
    # Loads the library, without which its settings on the functions are unknown.
    op.execute("SELECT '[1]'::vector")
    for name in ("search_media", "search_media_by_index"):
        definition = f"replace(pg_get_functiondef('{name}'::regproc), '{old}', '{new}')"
        op.execute(f"DO $do$ BEGIN EXECUTE {definition}; END $do$")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    _replace(_BOUNDED, "outside 1 to 1,000,000,000")
    _rewrite("2 * k", "2::bigint * k")


def downgrade() -> None:
    _replace("", "below 1")
    _rewrite("2::bigint * k", "2 * k")
