"""Near-duplicates, exact copies and the review queue."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("media", sa.Column("perceptual_hash", sa.BigInteger(), nullable=True))
    op.create_table(
        "near_duplicate",
        sa.Column("media_id", sa.Uuid(), nullable=False),
        sa.Column("space_id", sa.Integer(), nullable=True),
        sa.Column("keeper_media_id", sa.Uuid(), nullable=True),
        sa.Column("similarity", sa.Double(), nullable=True),
        sa.Column("compared_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["media_id"], ["media.id"], name=op.f("near_duplicate_media_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["keeper_media_id"], ["media.id"], name=op.f("near_duplicate_keeper_media_id_fkey"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["space_id"], ["space.id"], name=op.f("near_duplicate_space_id_fkey")),
        sa.PrimaryKeyConstraint("media_id", name=op.f("near_duplicate_pkey")),
    )
    op.create_index(op.f("near_duplicate_keeper_media_id_idx"), "near_duplicate", ["keeper_media_id"])
    op.create_index(
        "near_duplicate_members_idx",
        "near_duplicate",
        ["keeper_media_id", "media_id"],
        postgresql_where=sa.text("media_id <> keeper_media_id"),
    )
    op.create_index(
        "near_duplicate_waiting_idx",
        "near_duplicate",
        ["media_id"],
        postgresql_where=sa.text("keeper_media_id IS NULL"),
    )
    op.create_table(
        "not_near_duplicate",
        sa.Column("media_a", sa.Uuid(), nullable=False),
        sa.Column("media_b", sa.Uuid(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("media_a < media_b", name=op.f("not_near_duplicate_order_check")),
        sa.ForeignKeyConstraint(
            ["media_a"], ["media.id"], name=op.f("not_near_duplicate_media_a_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["media_b"], ["media.id"], name=op.f("not_near_duplicate_media_b_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("media_a", "media_b", name=op.f("not_near_duplicate_pkey")),
    )
    op.create_index(op.f("not_near_duplicate_media_b_idx"), "not_near_duplicate", ["media_b"])
    op.create_table(
        "exact_copy",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("media_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_uri", sa.Text(), server_default="", nullable=False),
        sa.Column("times_sent", sa.Integer(), server_default="1", nullable=False),
        sa.Column("first_sent_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_sent_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["media_id"], ["media.id"], name=op.f("exact_copy_media_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("exact_copy_pkey")),
        sa.UniqueConstraint("media_id", "source", "source_uri", name=op.f("exact_copy_media_id_source_source_uri_key")),
    )
    op.create_index("exact_copy_newest_idx", "exact_copy", ["last_sent_at", "id"])
    op.create_table(
        "review_item",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("urgency", sa.Double(), nullable=False),
        sa.Column("media_id", sa.Uuid(), nullable=True),
        sa.Column("cluster_id", sa.BigInteger(), nullable=False),
        sa.Column("other_cluster_id", sa.BigInteger(), nullable=True),
        sa.Column("figures", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["media_id"], ["media.id"], name=op.f("review_item_media_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("kind", "subject", name=op.f("review_item_pkey")),
    )
    op.create_index("review_item_page_idx", "review_item", ["kind", sa.literal_column("urgency DESC"), "subject"])
    op.create_index(
        op.f("review_item_media_id_idx"),
        "review_item",
        ["media_id"],
    )
    op.create_table(
        "review_decision",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("urgency", sa.Double(), nullable=False),
        sa.Column("media_id", sa.Uuid(), nullable=True),
        sa.Column("event_id", sa.BigInteger(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "decision IN ('accept', 'correct', 'dismiss')", name=op.f("review_decision_decision_check")
        ),
        sa.ForeignKeyConstraint(
            ["media_id"], ["media.id"], name=op.f("review_decision_media_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["event_id"], ["cluster_event.id"], name=op.f("review_decision_event_id_fkey")),
        sa.PrimaryKeyConstraint("kind", "subject", name=op.f("review_decision_pkey")),
    )
    op.create_index(op.f("review_decision_media_id_idx"), "review_decision", ["media_id"])
    op.create_table(
        "review_refresh",
        sa.Column("space_id", sa.Integer(), nullable=False),
        sa.Column("centroid_version", sa.BigInteger(), nullable=False),
        sa.Column("refreshed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["space_id"], ["space.id"], name=op.f("review_refresh_space_id_fkey")),
        sa.PrimaryKeyConstraint("space_id", name=op.f("review_refresh_pkey")),
    )


def downgrade() -> None:
    for table in (
        "review_refresh",
        "review_decision",
        "review_item",
        "exact_copy",
        "not_near_duplicate",
        "near_duplicate",
    ):
        op.drop_table(table)
    op.drop_column("media", "perceptual_hash")
