"""Review decisions that can be taken back, and near-duplicates that are marked before they are deleted"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    # What the item was, so that it can be put back as it stood. Unknown for decisions that were made before.
    op.add_column("review_decision", sa.Column("cluster_id", sa.BigInteger(), nullable=True))
    op.add_column("review_decision", sa.Column("other_cluster_id", sa.BigInteger(), nullable=True))
    op.add_column(
        "review_decision", sa.Column("figures", postgresql.JSONB(astext_type=sa.Text()), nullable=True)
    )
    op.create_table(
        "marked_for_deletion",
        sa.Column("media_id", sa.Uuid(), nullable=False),
        sa.Column("keeper_media_id", sa.Uuid(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("media_id <> keeper_media_id", name=op.f("marked_for_deletion_keeper_check")),
        sa.ForeignKeyConstraint(
            ["keeper_media_id"], ["media.id"], name=op.f("marked_for_deletion_keeper_media_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["media_id"], ["media.id"], name=op.f("marked_for_deletion_media_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("media_id", name=op.f("marked_for_deletion_pkey")),
    )
    op.create_index(
        op.f("marked_for_deletion_keeper_media_id_idx"), "marked_for_deletion", ["keeper_media_id"], unique=False
    )


def downgrade() -> None:
    op.drop_table("marked_for_deletion")
    op.drop_column("review_decision", "figures")
    op.drop_column("review_decision", "other_cluster_id")
    op.drop_column("review_decision", "cluster_id")
