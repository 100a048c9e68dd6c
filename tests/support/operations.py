"""A library in which every part of the operations page has something to show, of figures that are made up."""

import sqlalchemy as sa

from backend.features.services import Services
from backend.store.operations import record_heartbeat, record_sample


def fill_operations(services: Services) -> None:
    """Two days of made-up figures, a worker that lives and one that is silent, and media that failed for two reasons."""
    with services.database.transaction() as session:
        record_sample(session)
        # Nothing happens here now: the present would be a cliff at the end of the curves.
        session.execute(sa.text("UPDATE operations_sample SET minute = minute - interval '3 days'"))
        session.execute(
            sa.text(
                "INSERT INTO operations_sample SELECT date_trunc('minute', now()) - make_interval(mins => n), 0, "
                "60 + (50 * sin(n / 9.0))::int, (8 + 8 * cos(n / 5.0))::int, 0, 20 + n % 7, 18 + n % 5, 17 + n % 6, "
                "2.5 + sin(n / 11.0), 0.8, NULL FROM generate_series(0, 2880) n WHERE n NOT BETWEEN 20 AND 26"
            )
        )
        record_heartbeat(session, "host:41", ["embed"], busy_seconds=3.0, tasks_done=1234, up_seconds=7200.0)
        record_heartbeat(session, "host:42", [], busy_seconds=None, tasks_done=9, up_seconds=7200.0)
        session.execute(
            sa.text("UPDATE worker_heartbeat SET seen_at = now() - interval '1 hour' WHERE worker = 'host:42'")
        )
        session.execute(
            sa.text(
                "UPDATE media SET status = 'failed', ready_at = NULL, attempts = 3, error_detail = 'The decoder was killed.', "
                "error_code = CASE WHEN upload_seq % 2 = 0 THEN 'quarantined' ELSE 'image_truncated' END "
                "WHERE id IN (SELECT id FROM media WHERE upload_seq IS NOT NULL ORDER BY upload_seq LIMIT 5)"
            )
        )
