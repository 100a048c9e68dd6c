"""Several spaces: filling one beside the active one, figures of memberships kept for each, spaces that were dropped"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_constraint("space_state_check", "space")
    op.create_check_constraint(
        op.f("space_state_check"), "space", "state IN ('building', 'active', 'retired', 'dropped')"
    )
    # A space that is dropped stays as what decisions were made in; its name is free again.
    op.drop_constraint("space_name_key", "space")
    op.create_index(
        "space_name_idx", "space", ["name"], unique=True, postgresql_where=sa.text("state <> 'dropped'")
    )
    op.add_column("membership", sa.Column("decided_space_id", sa.Integer(), nullable=True))
    op.add_column("membership", sa.Column("decided_threshold", sa.Double(), nullable=True))
    op.create_foreign_key(
        op.f("membership_decided_space_id_fkey"), "membership", "space", ["decided_space_id"], ["id"]
    )
    op.create_check_constraint(
        op.f("membership_decided_elsewhere_check"),
        "membership",
        "(decided_space_id IS NULL) = (decided_threshold IS NULL)",
    )
    op.create_table(
        "space_fill",
        sa.Column("space_id", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rate_per_minute", sa.Double(), nullable=True),
        sa.Column("next_claim_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("closing_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("wanted_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("comparison", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("compared_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("rate_per_minute > 0", name=op.f("space_fill_rate_check")),
        sa.ForeignKeyConstraint(["space_id"], ["space.id"], name=op.f("space_fill_space_id_fkey")),
        sa.PrimaryKeyConstraint("space_id", name=op.f("space_fill_pkey")),
    )
    op.create_table(
        "space_fill_item",
        sa.Column("space_id", sa.Integer(), nullable=False),
        sa.Column("media_id", sa.Uuid(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_detail", sa.Text(), nullable=True),
        sa.CheckConstraint("(lease_token IS NULL) = (lease_until IS NULL)", name=op.f("space_fill_item_lease_is_whole_check")),
        sa.ForeignKeyConstraint(
            ["media_id"], ["media.id"], name=op.f("space_fill_item_media_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["space_id"], ["space_fill.space_id"], name=op.f("space_fill_item_space_id_fkey")),
        sa.PrimaryKeyConstraint("space_id", "media_id", name=op.f("space_fill_item_pkey")),
    )
    op.create_index(op.f("space_fill_item_media_id_idx"), "space_fill_item", ["media_id"], unique=False)
    op.create_table(
        "membership_figures",
        sa.Column("space_id", sa.Integer(), nullable=False),
        # No key to media or cluster: rows that outlive them tell that a centroid has to be added up anew.
        sa.Column("media_id", sa.Uuid(), nullable=False),
        sa.Column("cluster_id", sa.BigInteger(), nullable=False),
        sa.Column("assign_seq", sa.BigInteger(), nullable=False),
        sa.Column("similarity", sa.Double(), nullable=False),
        sa.Column("runner_up_cluster_id", sa.BigInteger(), nullable=True),
        sa.Column("runner_up_similarity", sa.Double(), nullable=True),
        sa.Column("margin", sa.Double(), nullable=True),
        sa.Column("threshold", sa.Double(), nullable=True),
        sa.Column("decided_space_id", sa.Integer(), nullable=True),
        sa.Column("decided_threshold", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["space_id"], ["space.id"], name=op.f("membership_figures_space_id_fkey")),
        sa.PrimaryKeyConstraint("space_id", "media_id", name=op.f("membership_figures_pkey")),
    )
    op.create_table(
        "encoder_holder",
        sa.Column("process", sa.Text(), nullable=False),
        sa.Column("space_id", sa.Integer(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("is_ready", sa.Boolean(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["space_id"], ["space.id"], name=op.f("encoder_holder_space_id_fkey")),
        sa.PrimaryKeyConstraint("process", "space_id", name=op.f("encoder_holder_pkey")),
    )


def downgrade() -> None:
    op.drop_table("encoder_holder")
    op.drop_table("membership_figures")
    op.drop_table("space_fill_item")
    op.drop_table("space_fill")
    op.drop_column("membership", "decided_threshold")
    op.drop_column("membership", "decided_space_id")
    op.drop_index("space_name_idx", table_name="space")
    # The older schema knows no dropped spaces, and one name for each.
    op.execute("UPDATE space SET state = 'retired', name = name || ' (dropped ' || id || ')' WHERE state = 'dropped'")
    op.create_unique_constraint(op.f("space_name_key"), "space", ["name"])
    op.drop_constraint("space_state_check", "space")
    op.create_check_constraint(op.f("space_state_check"), "space", "state IN ('building', 'active', 'retired')")
