"""Pausing, heartbeats of workers, and figures over time"""

import sqlalchemy as sa

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Throughput and durations of the last minutes, without reading all media. First, since it
    # stands outside of the transaction of the rest.
    with op.get_context().autocommit_block():
        op.create_index(
            "media_ready_at_idx",
            "media",
            ["ready_at"],
            unique=False,
            postgresql_where=sa.text("ready_at IS NOT NULL"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "pause",
        sa.Column("singleton", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("paused_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("singleton", name=op.f("pause_singleton_check")),
        sa.PrimaryKeyConstraint("singleton", name=op.f("pause_pkey")),
    )
    op.create_table(
        "worker_heartbeat",
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("tasks", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("busy_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tasks_done", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("worker", name=op.f("worker_heartbeat_pkey")),
    )
    op.create_table(
        "operations_sample",
        sa.Column("minute", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fetching", sa.Integer(), nullable=False),
        sa.Column("pending", sa.Integer(), nullable=False),
        sa.Column("embedded", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("uploads", sa.Integer(), nullable=False),
        sa.Column("embeddings", sa.Integer(), nullable=False),
        sa.Column("groupings", sa.Integer(), nullable=False),
        sa.Column("embed_seconds", sa.Double(), nullable=True),
        sa.Column("group_seconds", sa.Double(), nullable=True),
        sa.Column("original_bytes", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("minute", name=op.f("operations_sample_pkey")),
    )


def downgrade() -> None:
    op.drop_index("media_ready_at_idx", table_name="media")
    op.drop_table("operations_sample")
    op.drop_table("worker_heartbeat")
    op.drop_table("pause")
