"""The database goes away, at the worst moment or for good: a clear answer, and nothing done twice."""

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from starlette.testclient import TestClient

from backend.errors import BackendUnavailable
from backend.features.intake import accept_picture, accept_url
from backend.features.services import Services
from backend.features.steps.leases import held_lease
from backend.files.text import MediaText
from backend.store.arrays import fetch_arrays
from backend.store.engine import Database
from backend.store.groups import try_lock_assigner
from backend.store.leases import Work
from backend.store.media import claim_pending
from backend.store.schema import Media, Space, SpaceFillItem
from backend.store.spaces import claim_items, start_fill
from tests.support.waiting import wait_for

NOWHERE = "postgresql://owner_of_all:pa55word@127.0.0.2:1/the_library"
# What strangers are not told of it.
PLACES = ("owner_of_all", "pa55word", "127.0.0.2", "the_library")
# These ask no database.
_ANSWERS = ("/health/live", "/widget")
_PAGES = ("/admin/", "/admin/clusters/1", f"/admin/media/{uuid.UUID(int=1)}")


@pytest.fixture
def lost_client(make_services: Callable[..., Services], open_client: Callable[..., TestClient]) -> TestClient:
    """Of an application whose database is not there."""
    return open_client(make_services(database_url=SecretStr(NOWHERE)))


def _calls(schema: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for path, methods in schema["paths"].items():
        for method in methods:
            filled = path
            for name in ("media_id", "cluster_id", "event_id", "webhook_id", "pair_id", "id"):
                filled = filled.replace(f"{{{name}}}", "1" if name in {"cluster_id", "event_id"} else str(uuid.uuid4()))
            yield method.upper(), filled


def test_every_operation_says_that_it_can_be_tried_again(lost_client: TestClient) -> None:
    """Or that the call was wrong anyway; never that something unexpected happened."""
    unavailable = 0
    for method, path in _calls(lost_client.get("/openapi.json").json()):
        answer = lost_client.request(method, path)
        if path.startswith(_ANSWERS):
            assert answer.status_code == 200
            continue
        assert answer.status_code in {400, 404, 405, 422, 503}, f"{method} {path}: {answer.status_code} {answer.text}"
        if answer.status_code == 503:
            unavailable += 1
            assert [place for place in PLACES if place in answer.text] == [], f"{method} {path}: {answer.text}"
            if path != "/health/ready":
                assert "retry-after" in answer.headers, f"{method} {path}"
                assert answer.json()["code"] == "backend_unavailable"
    assert unavailable > 10


@pytest.mark.parametrize("page", _PAGES)
def test_admin_pages_say_so_too(lost_client: TestClient, page: str) -> None:
    answer = lost_client.get(page)
    assert (answer.status_code, answer.headers["x-problem-code"]) == (503, "backend_unavailable")
    assert "retry-after" in answer.headers
    assert [place for place in PLACES if place in answer.text] == []


def test_the_log_says_where_it_looked(lost_client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    """For operators, without the password."""
    assert lost_client.get("/media").status_code == 503
    assert "127.0.0.2" in caplog.text
    assert "pa55word" not in caplog.text


def test_upload__a_commit_whose_answer_is_lost_is_looked_up(
    services: Services, make_jpeg: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection breaks after the server has committed: the upload is acknowledged, and there is one row."""
    real = psycopg.Connection.commit
    lost: list[str] = []

    def commit_and_lose(connection: psycopg.Connection[Any]) -> None:
        inserted = connection.execute("SELECT count(*) FROM media WHERE xmin = pg_current_xact_id()::xid").fetchone()
        real(connection)
        if inserted and inserted[0] and len(lost) < 2:
            lost.append("commit")
            connection.close()
            raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(psycopg.Connection, "commit", commit_and_lose)
    uploaded = accept_picture(services, make_jpeg(1), MediaText(), source="test")
    fetched = accept_url(services, "https://example.org/a.jpg", MediaText())
    assert lost == ["commit", "commit"]
    with services.database.transaction() as session:
        assert session.execute(sa.text("SELECT id FROM media ORDER BY created_at")).scalars().all() == [
            uploaded.media_id,
            fetched.media_id,
        ]
    assert not uploaded.duplicate


def test_upload__a_commit_that_did_not_happen_is_told(
    services: Services, make_jpeg: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(connection: psycopg.Connection[Any]) -> None:
        connection.close()
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as patch:
        patch.setattr(psycopg.Connection, "commit", lose)
        with pytest.raises(BackendUnavailable):
            accept_picture(services, make_jpeg(1), MediaText(), source="test")
    assert not accept_picture(services, make_jpeg(1), MediaText(), source="test").duplicate


def test_rows_are_handed_back_when_the_database_was_away(
    services: Services, insert_media: Callable[..., list[uuid.UUID]]
) -> None:
    """Three losses in a row must not look like a file that kills its workers."""
    insert_media(services.database, 2, "pending")
    with pytest.raises(BackendUnavailable), held_lease(services, Media) as lease:
        with services.database.transaction() as session:
            assert len(claim_pending(session, lease, limit=5, max_attempts=3)) == 2
        with services.database.transaction() as session:
            _terminate(services, session)
            fetch_arrays(session, "SELECT 1")
    with services.database.transaction() as session:
        rows = session.execute(sa.text("SELECT attempts, lease_token FROM media")).all()
    assert [tuple(row) for row in rows] == [(0, None), (0, None)]


@pytest.mark.parametrize("table", [Media, SpaceFillItem])
def test_rows_are_handed_back_once_the_database_is_back(
    services: Services,
    insert_media: Callable[..., list[uuid.UUID]],
    make_test_space: Callable[..., Space],
    table: Work,
) -> None:
    """Whatever was leased: uploads, and pictures that are embedded into another space."""
    insert_media(services.database, 2, "pending")
    space = make_test_space(services.database)
    with services.database.transaction() as session:
        start_fill(session, space.id, "ada")
        session.execute(sa.text(f"INSERT INTO space_fill_item SELECT {space.id}, id FROM media"))
    with ExitStack() as stack:
        stack.enter_context(pytest.raises(BackendUnavailable))
        lease = stack.enter_context(held_lease(services, table))
        with services.database.transaction() as session:
            if table is Media:
                assert len(claim_pending(session, lease, limit=5, max_attempts=3)) == 2
            else:
                assert len(claim_items(session, space.id, lease, limit=5, max_attempts=3)) == 2
        stack.enter_context(_away(services, seconds=2.0))
        with services.database.transaction() as session:
            session.execute(sa.text("SELECT 1"))
    with services.database.transaction() as session:
        rows = session.execute(sa.select(table.attempts, table.lease_token)).all()
    assert [tuple(row) for row in rows] == [(0, None), (0, None)]


def test_transaction__a_statement_that_the_driver_refuses_is_no_loss(database: Database) -> None:
    """The connection is fine. An error about the database would mislead operators, and workers would wait."""
    with pytest.raises(sa.exc.OperationalError, match="number of parameters"), database.transaction() as session:
        session.execute(sa.select(sa.column("n").in_(range(70_000))).select_from(sa.text("generate_series(1, 1) AS n")))
    with database.transaction() as session:
        assert session.execute(sa.text("SELECT 1")).scalar_one() == 1


@pytest.mark.parametrize("code", ["40P01", "40001", "55P03"])
def test_transaction__a_conflict_can_be_tried_again(database: Database, code: str) -> None:
    raising = f"DO $$ BEGIN RAISE EXCEPTION 'met' USING ERRCODE = '{code}'; END $$"
    with pytest.raises(BackendUnavailable), database.transaction() as session:
        session.execute(sa.text(raising))
    with pytest.raises(BackendUnavailable), database.transaction() as session:
        fetch_arrays(session, raising)


def test_assigner__one_that_was_stopped_loses_its_lock(database: Database) -> None:
    with pytest.raises(BackendUnavailable), database.transaction() as stopped:
        assert try_lock_assigner(stopped, idle_seconds=0.3)
        wait_for(lambda: _can_lock(database))
        stopped.execute(sa.text("SELECT 1"))


def _can_lock(database: Database) -> bool:
    with database.transaction() as other:
        return try_lock_assigner(other)


@contextmanager
def _away(services: Services, *, seconds: float) -> Iterator[None]:
    """The database takes no connections, and ends those that there are; `seconds` after the block was left it does again."""
    url = sa.make_url(services.database.url)
    maintenance = url.set(drivername="postgresql", database="postgres").render_as_string(hide_password=False)

    def allow(allowed: bool) -> None:
        with psycopg.connect(maintenance, autocommit=True) as other:
            other.execute(f'ALTER DATABASE "{url.database}" ALLOW_CONNECTIONS {allowed}'.encode())
            if not allowed:
                other.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [url.database]
                )

    allow(False)
    try:
        yield
    finally:
        threading.Timer(seconds, allow, [True]).start()


def _terminate(services: Services, session: Any) -> None:
    """End the connection of this session from outside."""
    pid = session.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
    with psycopg.connect(services.database.url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [pid])
