"""Backgrounds know what queries are near to in general, and captions have one of their own; the old are sampled anew."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _allow("'words', 'media', 'captions'")


def downgrade() -> None:
    _allow("'words', 'media'")


def _allow(kinds: str) -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("DELETE FROM background")
    op.execute("ALTER TABLE background DROP CONSTRAINT background_kind_check")
    op.execute(f"ALTER TABLE background ADD CONSTRAINT background_kind_check CHECK (kind IN ({kinds}))")
