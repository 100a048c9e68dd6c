"""Labels: which members a label was made from, and what the whole library says."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("cluster", sa.Column("labelled_members", sa.BigInteger(), nullable=True))
    op.create_index(
        "cluster_unlabelled_idx", "cluster", ["id"], postgresql_where=sa.text("labelled_members IS NULL")
    )
    op.create_table(
        "label_statistics",
        sa.Column("space_id", sa.Integer(), nullable=False),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("media_count", sa.BigInteger(), nullable=False),
        sa.Column("centroid_version", sa.BigInteger(), nullable=True),
        sa.Column("counted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("media_count >= 0", name=op.f("label_statistics_media_count_check")),
        sa.ForeignKeyConstraint(["space_id"], ["space.id"], name=op.f("label_statistics_space_id_fkey")),
        sa.PrimaryKeyConstraint("space_id", name=op.f("label_statistics_pkey")),
    )


def downgrade() -> None:
    op.drop_table("label_statistics")
    op.drop_index("cluster_unlabelled_idx", table_name="cluster")
    op.drop_column("cluster", "labelled_members")
