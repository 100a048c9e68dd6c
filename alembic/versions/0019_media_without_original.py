"""Media that came as embeddings alone have no original"""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_STORED = "sha256 IS NOT NULL AND original_key IS NOT NULL"
_BARE = "source = 'embeddings' AND sha256 IS NULL AND original_key IS NULL"


def upgrade() -> None:
    _hold_status(f"({_STORED} OR {_BARE})")


def downgrade() -> None:
    _hold_status(_STORED)


def _hold_status(original: str) -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_constraint(op.f("media_status_has_its_facts_check"), "media", type_="check")
    op.create_check_constraint(
        op.f("media_status_has_its_facts_check"),
        "media",
        f"""
CASE status
  WHEN 'fetching' THEN source_uri IS NOT NULL AND upload_seq IS NULL
  WHEN 'pending' THEN sha256 IS NOT NULL AND original_key IS NOT NULL AND upload_seq IS NOT NULL
  WHEN 'embedded' THEN {original} AND upload_seq IS NOT NULL
    AND embedded_at IS NOT NULL AND lease_token IS NULL
  WHEN 'ready' THEN {original} AND upload_seq IS NOT NULL
    AND embedded_at IS NOT NULL AND ready_at IS NOT NULL AND lease_token IS NULL
  WHEN 'failed' THEN error_code IS NOT NULL AND lease_token IS NULL
  WHEN 'duplicate' THEN duplicate_of IS NOT NULL AND lease_token IS NULL
  ELSE false
END
""",
    )
