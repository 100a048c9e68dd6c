"""What the wall of groups is ordered by"""

import sqlalchemy as sa

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    # The mean cosine of the members to their centroid. Reading ten thousand sums for it takes 220 ms.
    op.create_index(
        "centroid_cohesion_idx",
        "centroid",
        [
            "space_id",
            sa.literal_column("(vector_norm(embedding_sum::vector) / member_count::double precision)"),
            "cluster_id",
        ],
        unique=False,
    )


def downgrade() -> None:
    op.drop_index("centroid_cohesion_idx", table_name="centroid")
