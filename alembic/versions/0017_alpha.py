"""An alpha that a curator chooses for a library"""

import sqlalchemy as sa

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "alpha_choice",
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("space_id", sa.Integer(), nullable=False),
        sa.Column("alpha", sa.Double(), nullable=False),
        sa.CheckConstraint("alpha >= 0 AND alpha <= 1", name=op.f("alpha_choice_alpha_check")),
        sa.ForeignKeyConstraint(["event_id"], ["cluster_event.id"], name=op.f("alpha_choice_event_id_fkey")),
        sa.ForeignKeyConstraint(["space_id"], ["space.id"], name=op.f("alpha_choice_space_id_fkey")),
        sa.PrimaryKeyConstraint("event_id", name=op.f("alpha_choice_pkey")),
    )


def downgrade() -> None:
    op.drop_table("alpha_choice")
