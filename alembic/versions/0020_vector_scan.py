"""Which transaction wrote an embedding, for the scan that follows the table"""

import sqlalchemy as sa

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    # In two steps: with its default at once, every row would be written anew, and every entry in the HNSW indexes.
    # Rows from before stay without one, and so outside of the index.
    op.add_column("embedding", sa.Column("written_by", sa.BigInteger(), nullable=True))
    op.execute("ALTER TABLE embedding ALTER COLUMN written_by SET DEFAULT (pg_current_xact_id()::text)::bigint")
    op.create_index(
        "embedding_written_by_idx",
        "embedding",
        ["written_by"],
        unique=False,
        postgresql_where=sa.text("written_by IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("embedding_written_by_idx", "embedding")
    op.drop_column("embedding", "written_by")
