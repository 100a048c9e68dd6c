"""Audits of recall, for the metrics."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "recall_audit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("space_id", sa.Integer(), nullable=False),
        sa.Column("k", sa.Integer(), nullable=False),
        sa.Column("sampled", sa.Integer(), nullable=False),
        sa.Column("fused", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("fused_index", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("legs", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("audited_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("k > 0", name=op.f("recall_audit_k_check")),
        sa.CheckConstraint("sampled > 0", name=op.f("recall_audit_sampled_check")),
        sa.ForeignKeyConstraint(["space_id"], ["space.id"], name=op.f("recall_audit_space_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("recall_audit_pkey")),
    )
    op.create_index(op.f("recall_audit_space_id_idx"), "recall_audit", ["space_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("recall_audit_space_id_idx"), table_name="recall_audit")
    op.drop_table("recall_audit")
