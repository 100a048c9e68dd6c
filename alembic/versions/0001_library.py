"""The library: media, embeddings by space, clusters, memberships, journal, webhooks, and the public SQL functions."""

from pathlib import Path

import sqlalchemy as sa
from pgvector.sqlalchemy import VECTOR
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS vector")
    # Loads the library, without which its settings (`hnsw.*` on the functions) are unknown.
    op.execute("SELECT '[1]'::vector")
    op.execute("CREATE SEQUENCE media_upload_seq")
    op.execute("CREATE SEQUENCE membership_assign_seq")
    op.create_table(
        "cluster_event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("after", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("cluster_event_pkey")),
    )
    op.create_table(
        "media",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=True),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("caption", sa.Text(), server_default="", nullable=False),
        sa.Column("keywords", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("location", sa.Text(), server_default="", nullable=False),
        sa.Column("story", sa.Text(), server_default="", nullable=False),
        sa.Column("ocr_text", sa.Text(), server_default="", nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("exif", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("mime", sa.Text(), nullable=True),
        sa.Column("byte_size", sa.BigInteger(), nullable=True),
        sa.Column("original_key", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_uri", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_detail", sa.Text(), nullable=True),
        sa.Column("duplicate_of", sa.Uuid(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("upload_seq", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("embedded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ready_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "\nCASE status\n  WHEN 'fetching' THEN source_uri IS NOT NULL AND upload_seq IS NULL\n  WHEN 'pending' THEN sha256 IS NOT NULL AND original_key IS NOT NULL AND upload_seq IS NOT NULL\n  WHEN 'embedded' THEN sha256 IS NOT NULL AND original_key IS NOT NULL AND upload_seq IS NOT NULL\n    AND embedded_at IS NOT NULL AND lease_token IS NULL\n  WHEN 'ready' THEN sha256 IS NOT NULL AND original_key IS NOT NULL AND upload_seq IS NOT NULL\n    AND embedded_at IS NOT NULL AND ready_at IS NOT NULL AND lease_token IS NULL\n  WHEN 'failed' THEN error_code IS NOT NULL AND lease_token IS NULL\n  WHEN 'duplicate' THEN duplicate_of IS NOT NULL AND lease_token IS NULL\n  ELSE false\nEND\n",
            name=op.f("media_status_has_its_facts_check"),
        ),
        sa.CheckConstraint("(lease_token IS NULL) = (lease_until IS NULL)", name=op.f("media_lease_is_whole_check")),
        sa.CheckConstraint("octet_length(sha256) = 32", name=op.f("media_sha256_length_check")),
        sa.ForeignKeyConstraint(
            ["duplicate_of"], ["media.id"], name=op.f("media_duplicate_of_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("media_pkey")),
        sa.UniqueConstraint("sha256", name=op.f("media_sha256_key")),
        sa.UniqueConstraint("upload_seq", name=op.f("media_upload_seq_key")),
    )
    op.create_index("media_created_at_idx", "media", ["created_at", "id"], unique=False)
    # An index needs an immutable function, and the cast of an array to text, which would do it at once, is none.
    op.execute(
        "CREATE FUNCTION lowercase_keywords(keywords text[]) RETURNS text[] "
        "LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN ARRAY(SELECT lower(keyword) FROM unnest(keywords) AS keyword)"
    )
    op.create_index(
        "media_keywords_idx",
        "media",
        [sa.literal_column("lowercase_keywords(keywords)")],
        unique=False,
        postgresql_using="gin",
    )
    op.create_index("media_mime_idx", "media", ["mime"], unique=False)
    op.create_index("media_source_idx", "media", ["source"], unique=False)
    op.create_index("media_taken_at_idx", "media", ["taken_at"], unique=False)
    op.create_index(
        "media_failed_idx", "media", ["created_at"], unique=False, postgresql_where=sa.text("status = 'failed'")
    )
    op.create_index(
        "media_fetching_idx", "media", ["created_at"], unique=False, postgresql_where=sa.text("status = 'fetching'")
    )
    op.create_index(
        "media_work_idx",
        "media",
        ["status", "upload_seq"],
        unique=False,
        postgresql_where=sa.text("status IN ('pending', 'embedded')"),
    )
    op.create_table(
        "space",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("preset", sa.Text(), nullable=True),
        sa.Column("image_model", sa.Text(), nullable=False),
        sa.Column("image_checkpoint", sa.Text(), nullable=False),
        sa.Column("text_model", sa.Text(), nullable=False),
        sa.Column("image_fingerprint", sa.Text(), nullable=False),
        sa.Column("text_fingerprint", sa.Text(), nullable=False),
        sa.Column("image_dimension", sa.Integer(), nullable=False),
        sa.Column("text_dimension", sa.Integer(), nullable=False),
        sa.Column("description", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("centroid_version", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('building', 'active', 'retired')", name=op.f("space_state_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("space_pkey")),
        sa.UniqueConstraint("name", name=op.f("space_name_key")),
    )
    op.create_index(
        "space_one_active_idx", "space", ["state"], unique=True, postgresql_where=sa.text("state = 'active'")
    )
    op.create_table(
        "webhook",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("events", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("webhook_pkey")),
    )
    op.create_table(
        "cluster",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("label", sa.Text(), server_default="", nullable=False),
        sa.Column("label_origin", sa.Text(), server_default="auto", nullable=False),
        sa.Column("representative_media_id", sa.Uuid(), nullable=True),
        sa.Column("representative_origin", sa.Text(), server_default="auto", nullable=False),
        sa.Column("locked", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("label_origin IN ('auto', 'curator')", name=op.f("cluster_label_origin_check")),
        sa.CheckConstraint(
            "representative_origin IN ('auto', 'curator')", name=op.f("cluster_representative_origin_check")
        ),
        sa.ForeignKeyConstraint(
            ["representative_media_id"],
            ["media.id"],
            name=op.f("cluster_representative_media_id_fkey"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("cluster_pkey")),
    )
    op.create_index(op.f("cluster_representative_media_id_idx"), "cluster", ["representative_media_id"], unique=False)
    op.create_table(
        "embedding",
        sa.Column("space_id", sa.Integer(), nullable=False),
        sa.Column("media_id", sa.Uuid(), nullable=False),
        sa.Column("image_embedding", VECTOR(), nullable=False),
        sa.Column("text_embedding", VECTOR(), nullable=True),
        sa.Column("caption_embedding", VECTOR(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["media_id"], ["media.id"], name=op.f("embedding_media_id_fkey"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["space_id"], ["space.id"], name=op.f("embedding_space_id_fkey")),
        sa.PrimaryKeyConstraint("space_id", "media_id", name=op.f("embedding_pkey")),
        postgresql_partition_by="LIST (space_id)",
    )
    op.create_table(
        "webhook_delivery",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("webhook_id", sa.Uuid(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("abandoned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhook.id"], name=op.f("webhook_delivery_webhook_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("webhook_delivery_pkey")),
    )
    op.create_index(
        "webhook_delivery_due_idx",
        "webhook_delivery",
        ["next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("delivered_at IS NULL AND abandoned_at IS NULL"),
    )
    op.create_index(op.f("webhook_delivery_webhook_id_idx"), "webhook_delivery", ["webhook_id"], unique=False)
    op.create_table(
        "centroid",
        sa.Column("space_id", sa.Integer(), nullable=False),
        sa.Column("cluster_id", sa.BigInteger(), nullable=False),
        sa.Column("embedding_sum", sa.ARRAY(sa.Double()), nullable=False),
        sa.Column("member_count", sa.Integer(), nullable=False),
        sa.Column("centroid", VECTOR(), nullable=False),
        sa.CheckConstraint("member_count > 0", name=op.f("centroid_member_count_check")),
        sa.ForeignKeyConstraint(
            ["cluster_id"], ["cluster.id"], name=op.f("centroid_cluster_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["space_id"], ["space.id"], name=op.f("centroid_space_id_fkey")),
        sa.PrimaryKeyConstraint("space_id", "cluster_id", name=op.f("centroid_pkey")),
    )
    op.create_index(op.f("centroid_cluster_id_idx"), "centroid", ["cluster_id"], unique=False)
    op.create_index(
        "centroid_size_idx",
        "centroid",
        ["space_id", sa.literal_column("member_count DESC"), "cluster_id"],
        unique=False,
    )
    op.create_table(
        "membership",
        sa.Column("media_id", sa.Uuid(), nullable=False),
        sa.Column("cluster_id", sa.BigInteger(), nullable=False),
        sa.Column("space_id", sa.Integer(), nullable=False),
        sa.Column("similarity", sa.Double(), nullable=False),
        sa.Column("runner_up_cluster_id", sa.BigInteger(), nullable=True),
        sa.Column("runner_up_similarity", sa.Double(), nullable=True),
        sa.Column("margin", sa.Double(), nullable=True),
        sa.Column("threshold", sa.Double(), nullable=False),
        sa.Column("founder", sa.Boolean(), nullable=False),
        sa.Column(
            "assign_seq", sa.BigInteger(), server_default=sa.text("nextval('membership_assign_seq')"), nullable=False
        ),
        sa.Column("origin", sa.Text(), server_default="auto", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("origin IN ('auto', 'curator')", name=op.f("membership_origin_check")),
        sa.ForeignKeyConstraint(["cluster_id"], ["cluster.id"], name=op.f("membership_cluster_id_fkey")),
        sa.ForeignKeyConstraint(["media_id"], ["media.id"], name=op.f("membership_media_id_fkey"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["space_id"], ["space.id"], name=op.f("membership_space_id_fkey")),
        sa.PrimaryKeyConstraint("media_id", name=op.f("membership_pkey")),
        sa.UniqueConstraint("assign_seq", name=op.f("membership_assign_seq_key")),
    )
    op.create_index(
        "membership_members_idx",
        "membership",
        ["cluster_id", sa.literal_column("similarity DESC"), "media_id"],
        unique=False,
    )

    for column in ("embedding_sum", "centroid"):
        # Floats do not compress; trying costs more than the assignment itself.
        op.execute(f"ALTER TABLE centroid ALTER COLUMN {column} SET STORAGE EXTERNAL")
    op.execute(
        "CREATE TYPE media_match AS "
        "(media_id uuid, sim_image double precision, sim_text double precision, combined double precision)"
    )
    op.execute(
        "CREATE VIEW media_embedding AS "
        "SELECT media_id, image_embedding, text_embedding, caption_embedding, NULL::halfvec AS fused_embedding "
        "FROM embedding WHERE false"
    )
    for name in ("space_storage", "query_checks", "search_media", "nearest_clusters"):
        op.get_bind().exec_driver_sql((SQL / f"{name}.sql").read_text(encoding="utf-8").replace("%", "%%"))


def downgrade() -> None:
    op.execute(
        "DROP FUNCTION nearest_clusters, similar_media, search_media, search_media_by_index, search_media_exactly, "
        "check_query_parameters, check_query_dimension, publish_space, create_space_indexes, create_space_storage"
    )
    op.execute("DROP VIEW media_embedding")
    op.execute("DROP TYPE media_match")
    op.drop_index("membership_members_idx", table_name="membership")
    op.drop_table("membership")
    op.drop_index("centroid_size_idx", table_name="centroid")
    op.drop_index(op.f("centroid_cluster_id_idx"), table_name="centroid")
    op.drop_table("centroid")
    op.drop_index(op.f("webhook_delivery_webhook_id_idx"), table_name="webhook_delivery")
    op.drop_index(
        "webhook_delivery_due_idx",
        table_name="webhook_delivery",
        postgresql_where=sa.text("delivered_at IS NULL AND abandoned_at IS NULL"),
    )
    op.drop_table("webhook_delivery")
    op.drop_table("embedding")
    op.drop_index(op.f("cluster_representative_media_id_idx"), table_name="cluster")
    op.drop_table("cluster")
    op.drop_table("webhook")
    op.drop_index("space_one_active_idx", table_name="space", postgresql_where=sa.text("state = 'active'"))
    op.drop_table("space")
    op.drop_index("media_work_idx", table_name="media", postgresql_where=sa.text("status IN ('pending', 'embedded')"))
    op.drop_index("media_fetching_idx", table_name="media", postgresql_where=sa.text("status = 'fetching'"))
    op.drop_index("media_failed_idx", table_name="media", postgresql_where=sa.text("status = 'failed'"))
    op.drop_index("media_taken_at_idx", table_name="media")
    op.drop_index("media_source_idx", table_name="media")
    op.drop_index("media_mime_idx", table_name="media")
    op.drop_index("media_keywords_idx", table_name="media", postgresql_using="gin")
    op.drop_index("media_created_at_idx", table_name="media")
    op.drop_table("media")
    op.execute("DROP FUNCTION lowercase_keywords")
    op.drop_table("cluster_event")
    op.execute("DROP SEQUENCE membership_assign_seq")
    op.execute("DROP SEQUENCE media_upload_seq")
    # The extension stays: others may use it.
