"""The schema of the first release: types, SQL functions (backend/store/functions), then the tables (0001_library.sql)."""

from pathlib import Path

from alembic import op
from backend.store.functions import apply_functions, as_statement, function_names

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# See backend/store/functions: a change of the functions needs a migration that applies them and holds their new digest.
FUNCTIONS = "0da32b2410625551"

_TABLES = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
_NAMES = (
    "media, space, embedding, space_fill, space_fill_item, space_work, encoder_holder, background, cluster, "
    "label_statistics, centroid, cluster_event, membership, membership_figures, cluster_cannot_link, threshold_choice, "
    "alpha_choice, near_duplicate, not_near_duplicate, marked_for_deletion, exact_copy, media_reading, review_item, "
    "review_decision, review_refresh, judged_picture, judgement, recall_audit, search_effort, quality_report, histogram, pause, "
    "worker_heartbeat, operations_sample, idempotency_key, api_key, account, account_session, login_link, login_attempt, audit_log, "
    "webhook, webhook_delivery"
)


def upgrade() -> None:
    # Managed servers often let an administrator create it only, and not always in the schema of the library.
    op.execute(
        "DO $$BEGIN IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'vector') THEN CREATE EXTENSION vector; END IF; END$$"
    )
    op.execute(
        "CREATE TYPE media_match AS "
        "(media_id uuid, sim_image double precision, sim_text double precision, combined double precision)"
    )
    # Before the tables, because an index and two triggers use functions.
    apply_functions(op.execute)
    op.execute(as_statement(_TABLES))


def downgrade() -> None:
    op.execute("DROP VIEW media_embedding")
    op.execute(f"DROP TABLE {_NAMES}")
    op.execute(f"DROP FUNCTION {', '.join(function_names())}")
    op.execute("DROP TYPE media_match")
    op.execute("DROP SEQUENCE media_upload_seq, membership_assign_seq")
    # The extension stays: others may use it.
