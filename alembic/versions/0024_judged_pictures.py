"""Judgements of the hits of a picture that was dropped"""

import sqlalchemy as sa

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_KIND, _WHOLE = "judgement_query_kind_check", "judgement_query_is_whole_check"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "judged_picture",
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("octet_length(sha256) = 32", name=op.f("judged_picture_sha256_check")),
        sa.PrimaryKeyConstraint("sha256", name=op.f("judged_picture_pkey")),
    )
    op.add_column("judgement", sa.Column("query_sha256", sa.LargeBinary(), nullable=True))
    op.create_foreign_key(
        op.f("judgement_query_sha256_fkey"), "judgement", "judged_picture", ["query_sha256"], ["sha256"]
    )
    op.create_index(op.f("judgement_query_sha256_idx"), "judgement", ["query_sha256"], unique=False)
    op.create_index(op.f("judgement_judged_at_idx"), "judgement", ["judged_at"], unique=False)
    op.drop_constraint(op.f(_KIND), "judgement", type_="check")
    op.create_check_constraint(op.f(_KIND), "judgement", "query_kind IN ('words', 'media', 'picture')")
    op.drop_constraint(op.f(_WHOLE), "judgement", type_="check")
    op.create_check_constraint(
        op.f(_WHOLE),
        "judgement",
        "CASE query_kind WHEN 'media' THEN query_media_id IS NOT NULL AND query = query_media_id::text "
        "AND query_media_id <> media_id AND query_sha256 IS NULL "
        "WHEN 'picture' THEN query_media_id IS NULL AND query_sha256 IS NOT NULL "
        "AND split_part(query, ' ', 1) = encode(query_sha256, 'hex') "
        "ELSE query_media_id IS NULL AND query_sha256 IS NULL AND query <> '' END",
    )


def downgrade() -> None:
    op.execute("DELETE FROM judgement WHERE query_kind = 'picture'")
    op.drop_constraint(op.f(_WHOLE), "judgement", type_="check")
    op.create_check_constraint(
        op.f(_WHOLE),
        "judgement",
        "CASE query_kind WHEN 'media' THEN query_media_id IS NOT NULL AND query = query_media_id::text "
        "AND query_media_id <> media_id ELSE query_media_id IS NULL AND query <> '' END",
    )
    op.drop_constraint(op.f(_KIND), "judgement", type_="check")
    op.create_check_constraint(op.f(_KIND), "judgement", "query_kind IN ('words', 'media')")
    op.drop_index(op.f("judgement_judged_at_idx"), table_name="judgement")
    op.drop_column("judgement", "query_sha256")
    op.drop_table("judged_picture")
