"""How the work goes: pausing, samples, heartbeats, failures by code, and a page that costs the same at any size."""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from starlette.testclient import TestClient
from typer.testing import CliRunner

from backend.cli import app as cli
from backend.features.intake import accept_picture, accept_url
from backend.features.operations import pause_processing, resume_processing, retry_all, retry_code
from backend.features.services import Services
from backend.features.steps import Assigner, embed_batch, fetch_next, open_active_space, sweep
from backend.files.text import MediaText
from backend.settings import Settings
from backend.store.engine import Database
from backend.store.operations import (
    find_pause,
    forget_worker,
    list_failures,
    list_samples,
    list_workers,
    operations,
    read_depth,
    read_pace,
    record_heartbeat,
    record_sample,
)
from backend.store.schema import Space
from backend.store.statements import Statements
from backend.web.server import create_web_app
from tests.support.command_line import use_library
from workers.heartbeat import Heartbeat


def statuses(database: Database) -> dict[str, int]:
    with database.transaction() as session:
        rows = session.execute(sa.text("SELECT status, count(*) AS media FROM media GROUP BY status"))
        return {row.status: row.media for row in rows}


def acts(database: Database) -> list[tuple[str, str, str, dict[str, int]]]:
    with database.transaction() as session:
        rows = session.execute(sa.text("SELECT actor, act, subject, details FROM audit_log ORDER BY id"))
        return [(row.actor, row.act, row.subject, row.details) for row in rows]


def fail_some(database: Database, insert_media: Callable[..., list[uuid.UUID]], codes: list[str]) -> list[uuid.UUID]:
    ids = insert_media(database, len(codes), "pending")
    with database.transaction() as session:
        session.execute(
            sa.text(
                "UPDATE media SET status = 'failed', error_code = new.code, error_detail = 'why', title = 'No ' || upload_seq "
                "FROM unnest(CAST(:ids AS uuid[]), CAST(:codes AS text[])) AS new (id, code) WHERE media.id = new.id"
            ),
            {"ids": ids, "codes": codes},
        )
    return ids


# --- pausing -------------------------------------------------------------------------------------------------


def test_pause__nothing_is_claimed_until_resumed(services: Services, make_jpeg: Callable[..., bytes]) -> None:
    space = open_active_space(services)
    assigner = Assigner(services, space)
    accept_picture(services, make_jpeg(1), MediaText(), source="test")
    assert embed_batch(services, space) == 1
    state = pause_processing(services, actor="anna")
    # Who paused first, and when, stays.
    assert pause_processing(services, actor="ben") == state
    accept_picture(services, make_jpeg(2), MediaText(), source="test")
    accept_url(services, "http://media.example/a.jpg", MediaText())
    assert (embed_batch(services, space), assigner.assign_waiting(), fetch_next(services)) == (0, 0, 0)
    assert statuses(services.database) == {"embedded": 1, "pending": 1, "fetching": 1}
    assert resume_processing(services, actor="ben")
    assert not resume_processing(services, actor="anna")
    # Only the results are recorded.
    assert acts(services.database) == [
        ("anna", "processing.paused", "processing", {}),
        ("ben", "processing.resumed", "processing", {}),
    ]
    assert embed_batch(services, space) == 1
    assert assigner.assign_waiting() == 2
    assert statuses(services.database) == {"ready": 2, "fetching": 1}


def test_pause__what_was_claimed_before_is_finished(services: Services, make_jpeg: Callable[..., bytes]) -> None:
    from backend.features.steps import embed

    space = open_active_space(services)
    accept_picture(services, make_jpeg(1), MediaText(), source="test")
    real = embed._prepare_all

    def pause_meanwhile(*arguments: object) -> object:
        pause_processing(services, actor="anna")
        return real(*arguments)  # type: ignore[arg-type]

    embed._prepare_all = pause_meanwhile  # type: ignore[assignment]
    try:
        assert embed_batch(services, space) == 1
    finally:
        embed._prepare_all = real
    assert statuses(services.database) == {"embedded": 1}


def test_pause__on_the_command_line(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    use_library(settings, monkeypatch)
    run = CliRunner().invoke
    assert "paused since" in run(cli, ["pause"]).output
    assert json.loads(run(cli, ["pause", "--json"]).output)["actor"]
    assert "paused since" in run(cli, ["status"]).output
    assert json.loads(run(cli, ["resume", "--json"]).output) == {"resumed": True}
    assert "processing was not paused" in run(cli, ["resume"]).output
    assert "paused" not in run(cli, ["status"]).output


# --- figures over time ---------------------------------------------------------------------------------------


def test_read_pace__what_was_embedded_and_grouped_in_a_stretch(
    database: Database, insert_media: Callable[..., list[uuid.UUID]]
) -> None:
    """By hand: (uploaded, embedded, ready) in minutes ago."""
    times = [(9, 8, 7), (4, 3, 1), (4, 2, None), (3, None, None), (9, 4, 4)]
    ids = insert_media(database, len(times), "pending")
    with database.transaction() as session:
        for media_id, (uploaded, embedded, ready) in zip(ids, times, strict=True):
            status = "pending" if embedded is None else "embedded" if ready is None else "ready"
            session.execute(
                sa.text(
                    "UPDATE media SET status = :status, created_at = now() - make_interval(mins => :uploaded), "
                    "embedded_at = now() - make_interval(mins => :embedded), "
                    "ready_at = now() - make_interval(mins => :ready) WHERE id = :id"
                ),
                {"id": media_id, "status": status, "uploaded": uploaded, "embedded": embedded, "ready": ready},
            )
        pace = read_pace(session, 300.0)
    assert (pace.uploads, pace.embeddings, pace.groupings) == (3, 3, 2)
    assert pace.embed_seconds == pytest.approx(120.0)
    assert pace.group_seconds == pytest.approx(60.0)


def test_record_sample__one_a_minute_and_a_week_of_them(
    services: Services, insert_media: Callable[..., object]
) -> None:
    insert_media(services.database, 3, "pending")
    sweep(services)
    sweep(services)
    with services.database.transaction() as session:
        taken = session.execute(sa.text("SELECT pending, original_bytes FROM operations_sample")).all()
    # Two where the sweeps fell into two minutes.
    assert 1 <= len(taken) <= 2
    assert taken[0] == (3, 0)
    with services.database.transaction() as session:
        session.execute(sa.text("UPDATE operations_sample SET minute = minute - interval '8 days'"))
    sweep(services)
    with services.database.transaction() as session:
        assert len(list_samples(session, 3600.0, 60.0)) == 1
        assert session.execute(sa.text("SELECT count(*) FROM operations_sample")).scalar_one() == 1


def test_list_samples__steps_hold_the_greatest_depth_and_the_mean_pace(database: Database) -> None:
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    with database.transaction() as session:
        for minute in range(10):
            session.execute(
                sa.text("INSERT INTO operations_sample VALUES (:at, 0, :n, 0, 0, :n, 0, 0, NULL, NULL, NULL)"),
                {"at": start + timedelta(minutes=minute), "n": minute},
            )
        samples = list_samples(session, 86_400.0, 300.0)
    assert [(one.moment, one.pending, one.uploads) for one in samples] == [
        (start, 4, 2.0),
        (start + timedelta(minutes=5), 9, 7.0),
    ]


# --- workers -------------------------------------------------------------------------------------------------


def test_heartbeat__says_what_a_process_works_on(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.runtime.services", lambda: services)
    heartbeat = Heartbeat()
    heartbeat.begin("1", "mediacluster.embed")
    heartbeat.beat()
    with services.database.transaction() as session:
        (busy,) = list_workers(session)
    assert (busy.worker, busy.tasks, busy.is_alive) == (heartbeat.worker, ["embed"], True)
    assert busy.busy_since is not None
    heartbeat.end("1")
    heartbeat.beat()
    with services.database.transaction() as session:
        (idle,) = list_workers(session)
    assert (idle.tasks, idle.busy_since, idle.tasks_done, idle.started_at) == ([], None, 1, idle.started_at)
    heartbeat.stop()
    with services.database.transaction() as session:
        assert list_workers(session) == []


def test_list_workers__a_silent_one(database: Database) -> None:
    with database.transaction() as session:
        for worker in ("a:1", "b:2"):
            record_heartbeat(session, worker, [], busy_seconds=None, tasks_done=0, up_seconds=5.0)
        session.execute(sa.text("UPDATE worker_heartbeat SET seen_at = now() - interval '1 hour' WHERE worker = 'a:1'"))
        assert [(one.worker, one.is_alive) for one in list_workers(session)] == [("b:2", True), ("a:1", False)]
        forget_worker(session, "a:1")
        assert len(list_workers(session)) == 1


# --- failures ------------------------------------------------------------------------------------------------


def test_failures__by_code_and_tried_again(services: Services, insert_media: Callable[..., list[uuid.UUID]]) -> None:
    codes = ["image_corrupt"] * 3 + ["quarantined"] + ["fetch_timeout"] * 2
    fail_some(services.database, insert_media, codes)
    with services.database.transaction() as session:
        failures = list_failures(session, each=2)
        assert read_depth(session).failed == 6
    assert [(one.error_code, one.size) for one in failures] == [
        ("quarantined", 1),
        ("image_corrupt", 3),
        ("image_corrupt", 3),
        ("fetch_timeout", 2),
        ("fetch_timeout", 2),
    ]
    assert retry_code(services, "image_corrupt", actor="anna") == 3
    assert retry_code(services, "image_corrupt", actor="anna") == 0
    assert statuses(services.database) == {"pending": 3, "failed": 3}
    assert retry_all(services, actor="ben") == 3
    assert statuses(services.database) == {"pending": 6}
    assert acts(services.database) == [
        ("anna", "media.retried", "image_corrupt", {"media": 3}),
        ("ben", "media.retried", "every failed picture", {"media": 3}),
    ]


# --- the page ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/admin/operations", "/admin/operations/live", "/admin/operations/room"])
def test_page__as_many_statements_for_many_as_for_none(
    services: Services,
    make_test_space: Callable[..., Space],
    insert_media: Callable[..., list[uuid.UUID]],
    path: str,
) -> None:
    make_test_space(services.database)
    seen: list[str] = []
    sa.event.listen(services.database.engine, "before_cursor_execute", lambda *event: seen.append(event[2]))
    with TestClient(create_web_app(services), raise_server_exceptions=False) as client:
        assert client.get(path).status_code == 200
        few = len(seen)
        fail_some(services.database, insert_media, ["image_corrupt"] * 40 + ["quarantined"] * 40)
        insert_media(services.database, 60, "pending", first=1000)
        with services.database.transaction() as session:
            for number in range(30):
                record_heartbeat(session, f"w:{number}", [], busy_seconds=None, tasks_done=0, up_seconds=1.0)
            record_sample(session)
        seen.clear()
        answer = client.get(path)
    assert answer.status_code == 200
    assert len(seen) == few <= 20
    # Nothing is counted over all media.
    assert not [one for one in seen if "GROUP BY status" in one]


def test_page__a_million_rows_are_not_read(database: Database, insert_media: Callable[..., list[uuid.UUID]]) -> None:
    """What the live part asks is answered from partial indexes: no plan reads the table."""
    insert_media(database, 5000, "embedded")
    with database.transaction() as session:
        session.execute(
            sa.text(
                "UPDATE media SET status = 'ready', ready_at = now() - interval '1 day', created_at = now() - interval '1 day'"
            )
        )
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE media"))
        now, statements = datetime.now(UTC), Statements(operations.__file__)
        for name, parameters in (
            ("read_depth", {"most": 1000}),
            ("read_pace", {"since": now - timedelta(minutes=5), "until": now}),
            ("list_failures", {"most": 1000, "each": 10}),
        ):
            plan = "\n".join(connection.execute(sa.text(f"EXPLAIN {statements(name)}"), parameters).scalars())
            assert "Seq Scan on media" not in plan, plan


def test_page__without_a_broker(settings: Settings, database: Database) -> None:
    from backend.bootstrap import build_services

    lost = build_services(settings.model_copy(update={"redis_url": SecretStr("redis://127.0.0.1:1/0")}))
    with TestClient(create_web_app(lost), raise_server_exceptions=False) as client:
        assert client.get("/admin/operations").status_code == 200
        assert client.post("/admin/operations/pause").status_code == 200
        with lost.database.transaction() as session:
            assert find_pause(session) is not None
        assert client.post("/admin/operations/resume").status_code == 200
        answer = client.post("/admin/operations/audit")
        assert answer.status_code == 503
        assert "The broker cannot be reached." in answer.text
    lost.database.dispose()


def test_audit__within_a_budget(
    services: Services,
    make_test_space: Callable[..., Space],
    insert_media: Callable[..., list[uuid.UUID]],
    embed_media: Callable[..., None],
) -> None:
    from backend.features.evaluation import audit_recall_within

    space = make_test_space(services.database)
    ids = insert_media(services.database, 30, "embedded")
    vectors = np.random.default_rng(1).normal(size=(30, 16)).astype(np.float32)
    embed_media(services.database, space, ids, vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    assert audit_recall_within(services.database).sampled == 30
    with TestClient(create_web_app(services)) as client:
        assert "recall@10 of 30 pictures" in client.get("/admin/operations/room").text
