"""What curators say of hits"""

import sqlalchemy as sa

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "judgement",
        sa.Column("query_kind", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("media_id", sa.Uuid(), nullable=False),
        sa.Column("query_media_id", sa.Uuid(), nullable=True),
        sa.Column("is_right", sa.Boolean(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("judged_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("query_kind IN ('words', 'media')", name=op.f("judgement_query_kind_check")),
        sa.CheckConstraint(
            "CASE query_kind WHEN 'media' THEN query_media_id IS NOT NULL AND query = query_media_id::text "
            "AND query_media_id <> media_id ELSE query_media_id IS NULL AND query <> '' END",
            name=op.f("judgement_query_is_whole_check"),
        ),
        sa.ForeignKeyConstraint(
            ["media_id"], ["media.id"], name=op.f("judgement_media_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["query_media_id"], ["media.id"], name=op.f("judgement_query_media_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("query_kind", "query", "media_id", name=op.f("judgement_pkey")),
    )
    op.create_index(op.f("judgement_media_id_idx"), "judgement", ["media_id"])
    op.create_index(op.f("judgement_query_media_id_idx"), "judgement", ["query_media_id"])


def downgrade() -> None:
    op.drop_table("judgement")
