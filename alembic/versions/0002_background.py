"""Backgrounds: what similarities of unrelated pairs are like, for each space and kind of query."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "background",
        sa.Column("space_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("media_count", sa.BigInteger(), nullable=False),
        sa.Column("sampled_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind IN ('words', 'media')", name=op.f("background_kind_check")),
        sa.CheckConstraint("media_count >= 0", name=op.f("background_media_count_check")),
        sa.ForeignKeyConstraint(["space_id"], ["space.id"], name=op.f("background_space_id_fkey")),
        sa.PrimaryKeyConstraint("space_id", "kind", name=op.f("background_pkey")),
    )


def downgrade() -> None:
    op.drop_table("background")
