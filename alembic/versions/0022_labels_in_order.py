"""The wall of groups by their labels"""

import sqlalchemy as sa

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    # As the wall has it: those without a label last. Folding ten thousand labels for each page takes 65 ms.
    op.create_index(
        "cluster_label_idx", "cluster", [sa.text("(label = ''::text)"), sa.text("lower(label)"), "id"], unique=False
    )


def downgrade() -> None:
    op.drop_index("cluster_label_idx", table_name="cluster")
