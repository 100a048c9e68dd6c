"""What the admin pages have done to spaces, in processes of their own"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "space_work",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("arguments", postgresql.JSONB(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("stage", sa.Text(), server_default="", nullable=False),
        sa.Column("done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("total", sa.Integer(), server_default="0", nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_detail", sa.Text(), nullable=True),
        sa.Column("error_hint", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('create', 'compare', 'activate', 'rollback')", name=op.f("space_work_kind_check")
        ),
        sa.CheckConstraint(
            "(ended_at IS NULL AND num_nonnulls(outcome, error_code) = 0) "
            "OR (ended_at IS NOT NULL AND num_nonnulls(outcome, error_code) = 1)",
            name=op.f("space_work_ends_in_one_way_check"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("space_work_pkey")),
    )


def downgrade() -> None:
    op.drop_table("space_work")
