"""Curation: a journal that can be undone, memberships that know their edit, clusters that are kept apart."""

import sqlalchemy as sa

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_index(
        "media_duplicate_of_idx", "media", ["duplicate_of"], postgresql_where=sa.text("duplicate_of IS NOT NULL")
    )
    op.add_column("cluster", sa.Column("locked_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("membership", sa.Column("event_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f("membership_event_id_fkey"), "membership", "cluster_event", ["event_id"], ["id"])
    op.add_column("cluster_event", sa.Column("summary", sa.Text(), server_default="", nullable=False))
    op.add_column(
        "cluster_event",
        sa.Column("cluster_ids", sa.ARRAY(sa.BigInteger()), server_default=sa.text("'{}'"), nullable=False),
    )
    op.add_column(
        "cluster_event", sa.Column("media_ids", sa.ARRAY(sa.Uuid()), server_default=sa.text("'{}'"), nullable=False)
    )
    for column in ("target_event_id", "undone_by"):
        op.add_column("cluster_event", sa.Column(column, sa.BigInteger(), nullable=True))
        op.create_foreign_key(op.f(f"cluster_event_{column}_fkey"), "cluster_event", "cluster_event", [column], ["id"])
    op.create_index(op.f("cluster_event_target_event_id_idx"), "cluster_event", ["target_event_id"])
    for column in ("cluster_ids", "media_ids"):
        op.create_index(f"cluster_event_{column}_idx", "cluster_event", [column], postgresql_using="gin")
    op.create_table(
        "cluster_cannot_link",
        sa.Column("cluster_a", sa.BigInteger(), nullable=False),
        sa.Column("cluster_b", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("cluster_a < cluster_b", name=op.f("cluster_cannot_link_order_check")),
        sa.ForeignKeyConstraint(
            ["cluster_a"], ["cluster.id"], name=op.f("cluster_cannot_link_cluster_a_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["cluster_b"], ["cluster.id"], name=op.f("cluster_cannot_link_cluster_b_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["event_id"], ["cluster_event.id"], name=op.f("cluster_cannot_link_event_id_fkey")),
        sa.PrimaryKeyConstraint("cluster_a", "cluster_b", "event_id", name=op.f("cluster_cannot_link_pkey")),
    )
    op.create_index(op.f("cluster_cannot_link_cluster_b_idx"), "cluster_cannot_link", ["cluster_b"])
    op.create_table(
        "threshold_choice",
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("space_id", sa.Integer(), nullable=False),
        sa.Column("threshold", sa.Double(), nullable=False),
        sa.CheckConstraint("threshold > 0 AND threshold <= 1", name=op.f("threshold_choice_threshold_check")),
        sa.ForeignKeyConstraint(["event_id"], ["cluster_event.id"], name=op.f("threshold_choice_event_id_fkey")),
        sa.ForeignKeyConstraint(["space_id"], ["space.id"], name=op.f("threshold_choice_space_id_fkey")),
        sa.PrimaryKeyConstraint("event_id", name=op.f("threshold_choice_pkey")),
    )


def downgrade() -> None:
    op.drop_table("threshold_choice")
    op.drop_table("cluster_cannot_link")
    for column in ("media_ids", "cluster_ids"):
        op.drop_index(f"cluster_event_{column}_idx", table_name="cluster_event")
    op.drop_index(op.f("cluster_event_target_event_id_idx"), table_name="cluster_event")
    for column in ("undone_by", "target_event_id"):
        op.drop_constraint(op.f(f"cluster_event_{column}_fkey"), "cluster_event")
    for column in ("undone_by", "target_event_id", "media_ids", "cluster_ids", "summary"):
        op.drop_column("cluster_event", column)
    op.drop_constraint(op.f("membership_event_id_fkey"), "membership")
    op.drop_column("membership", "event_id")
    op.drop_column("cluster", "locked_at")
    op.drop_index("media_duplicate_of_idx", table_name="media")
