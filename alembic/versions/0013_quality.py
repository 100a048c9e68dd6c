"""What the quality page shows: measured beside the uploads, kept until it is measured again."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "quality_report",
        sa.Column("space_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("points", sa.LargeBinary(), nullable=True),
        sa.Column("media_count", sa.BigInteger(), nullable=False),
        sa.Column("centroid_version", sa.BigInteger(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("measured_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind IN ('similarities', 'thresholds', 'map')", name=op.f("quality_report_kind_check")),
        sa.CheckConstraint("media_count >= 0", name=op.f("quality_report_media_count_check")),
        sa.ForeignKeyConstraint(["space_id"], ["space.id"], name=op.f("quality_report_space_id_fkey")),
        sa.PrimaryKeyConstraint("space_id", "kind", name=op.f("quality_report_pkey")),
    )


def downgrade() -> None:
    op.drop_table("quality_report")
