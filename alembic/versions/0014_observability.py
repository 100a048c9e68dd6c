"""The request that a media came with, and how long the steps of the pipeline take"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("media", sa.Column("request_id", sa.Text(), nullable=True))
    op.create_table(
        "histogram",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("bounds", postgresql.ARRAY(sa.Double()), nullable=False),
        sa.Column("counts", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("total", sa.Double(), nullable=False),
        sa.CheckConstraint(
            "cardinality(counts) = cardinality(bounds) + 1", name=op.f("histogram_a_count_per_bucket_check")
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("histogram_pkey")),
    )


def downgrade() -> None:
    op.drop_table("histogram")
    op.drop_column("media", "request_id")
