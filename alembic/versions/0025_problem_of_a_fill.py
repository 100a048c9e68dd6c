"""Why workers cannot fill a space"""

import sqlalchemy as sa

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("space_fill", sa.Column("problem", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("space_fill", "problem")
