"""Every page and every GET of the API sends as many statements to a large library as to a small one: no N + 1."""

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import sqlalchemy as sa
from fastapi.routing import iter_route_contexts
from starlette.applications import Starlette
from starlette.testclient import TestClient

from backend.features.duplicates import compare_waiting
from backend.features.intake import Upload, wait_for_groups
from backend.features.naming import refresh_labels
from backend.features.review import refresh_queue
from backend.features.services import Services
from backend.features.steps import Assigner
from backend.store.media import record_exact_copy
from backend.store.review import record_hashes
from backend.store.schema import MediaStatus, Space
from tests.support.clients import mounted
from tests.support.clock import SetClock

# What a route is asked beside its path; {media} and {cluster} are filled in.
_QUERIES = {
    "/search": "media_id={media}&k=40",
    "/admin/search": "media_id={media}",
    "/admin/curation/targets": "cluster_id={cluster}",
    "/admin/curation/history": "cluster_id={cluster}",
    "/review": "limit=100",
    "/admin/review": "kind=near_duplicate",
    "/admin/review/items": "kind=small_margin",
    "/near-duplicates": "limit=100",
    "/admin/clusters/news": "after=0",
    "/admin/media/{media_id}/news": "status=ready",
}
# Files, documents about the interface, what loads a model to find words, and what needs an account, another
# space, a map that was drawn, or a page before it.
_LEFT_OUT = re.compile(
    r"/docs|/redoc|/openapi|/thumbnail$|/original$|/pictures/|\.js$|/login$|/judgements/pictures/|/model/.*ask/|/clusters/found$|/account$|/map/points|/clusters/cards$"
)


@pytest.fixture
def grow(
    services: Services,
    make_test_space: Callable[..., Space],
    insert_media: Callable[..., list[uuid.UUID]],
    embed_media: Callable[..., None],
) -> Callable[[int], list[uuid.UUID]]:
    """Add groups of six, with near-duplicates, exact copies, failures, labels and events, as many as are asked for."""
    space = make_test_space(services.database, 64)
    added = 0

    def add(groups: int) -> list[uuid.UUID]:
        nonlocal added
        generator = np.random.default_rng(added)
        middles = np.eye(64)[np.arange(added, added + groups)]
        vectors = np.repeat(middles, 6, axis=0) + 0.02 * generator.normal(size=(6 * groups, 64))
        vectors[5::6] += 0.09 * generator.normal(size=(groups, 64))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        ids = insert_media(services.database, len(vectors), "embedded", first=1000 * (added + 1))
        failed = insert_media(services.database, 2 * groups, "pending", first=1000 * (added + 1) + 900)
        embed_media(services.database, space, ids, vectors.astype(np.float32))
        with services.database.transaction() as session:
            session.execute(
                sa.text(
                    "UPDATE media SET width = 400, height = 300, byte_size = 100, mime = 'image/png', "
                    "title = 'sea ' || upload_seq, keywords = ARRAY['sea', 'word' || upload_seq] WHERE id = ANY(:ids)"
                ),
                {"ids": ids},
            )
            session.execute(
                sa.text(
                    "UPDATE media SET status = 'failed', error_code = 'image_corrupt', attempts = 1 WHERE id = ANY(:ids)"
                ),
                {"ids": failed},
            )
            hashes = [int(generator.integers(1 << 60)) if place % 6 else 7 + place for place in range(len(ids))]
            hashes[1::6] = hashes[0::6]
            record_hashes(session, dict(zip(ids, hashes, strict=True)))
            for media_id in ids[::3]:
                record_exact_copy(session, media_id, "import", "/elsewhere/again.jpg")
        Assigner(services, space).assign_waiting()
        compare_waiting(services)
        refresh_labels(services)
        refresh_queue(services)
        added += groups
        return ids

    return add


def test_statements_do_not_grow_with_the_library(
    client: TestClient, services: Services, grow: Callable[[int], list[uuid.UUID]]
) -> None:
    media_id = grow(3)[0]
    with services.database.transaction() as session:
        cluster_id = session.execute(
            sa.text("SELECT cluster_id FROM membership WHERE media_id = :id"), {"id": media_id}
        ).scalar_one()
    for number in range(3):
        assert client.post(f"/clusters/{cluster_id}/rename", json={"label": f"name {number}"}).status_code == 200
    asked = _addresses(client, media_id, cluster_id)
    assert len(asked) > 35
    few = {path: _count(client, services, path) for path in asked}
    grow(20)
    for number in range(20):
        assert client.post(f"/clusters/{cluster_id}/rename", json={"label": f"another {number}"}).status_code == 200
    many = {path: _count(client, services, path) for path in asked}
    assert {path: (few[path], many[path]) for path in asked if many[path] > few[path]} == {}
    assert max(many.values()) <= 20


def test_upload__waiting_takes_a_few_statements_however_many_files_there_are(
    client: TestClient, services: Services, make_jpeg: Callable[..., bytes]
) -> None:
    """Nobody embeds them, so that each request waits as long as it may."""

    def count_waiting(first: int, files: int) -> int:
        sent = [("file", (f"{seed}.jpg", make_jpeg(seed))) for seed in range(first, first + files)]
        assert client.post("/media", files=sent).status_code == 202
        with counting(services) as at_once:
            assert client.post("/media", files=sent).status_code == 200
        with counting(services) as waited:
            answer = client.post("/media?wait_seconds=1.5", files=sent)
        assert [one["status"] for one in answer.json()["media"]] == ["pending"] * files
        return len(waited) - len(at_once)

    few, many = count_waiting(100, 2), count_waiting(200, 12)
    assert 2 <= few <= 12
    assert 2 <= many <= 12


def test_upload__fifty_files_that_wait_for_three_seconds_take_ten_transactions(
    client: TestClient, services: Services, make_jpeg: Callable[..., bytes]
) -> None:
    """A transaction for each look at all of them, not for each file."""
    sent = [("file", (f"{seed}.jpg", make_jpeg(seed))) for seed in range(300, 350)]
    media = client.post("/media", files=sent).json()["media"]
    uploads = [Upload(None, uuid.UUID(one["id"]), MediaStatus.PENDING) for one in media]
    commits: list[object] = []

    def hear(connection: object) -> None:
        commits.append(connection)

    sa.event.listen(services.database.engine, "commit", hear)
    try:
        waited = wait_for_groups(services, uploads, 3.0, clock=SetClock())
    finally:
        sa.event.remove(services.database.engine, "commit", hear)
    assert [one.status for one in waited] == ["pending"] * 50
    assert 5 <= len(commits) <= 12


def _addresses(client: TestClient, media_id: uuid.UUID, cluster_id: int) -> list[str]:
    """Every GET of the application, with an existing picture and group."""
    app = client.app
    assert isinstance(app, Starlette)
    admin = mounted(app, "/admin")
    paths = [
        f"{prefix}{found.path}"
        for prefix, routes in (("", app.routes), ("/admin", admin.routes))
        for found in iter_route_contexts(routes)
        if "GET" in (found.methods or ())
    ]
    known = {"media_id": str(media_id), "cluster_id": str(cluster_id), "place": "0"}
    return [
        re.sub(r"\{(\w+)\}", lambda name: known[name[1]], path)
        + ("?" + _QUERIES[path].format(media=media_id, cluster=cluster_id) if path in _QUERIES else "")
        for path in paths
        if not _LEFT_OUT.search(path)
    ]


@contextmanager
def counting(services: Services) -> Iterator[list[str]]:
    """The statements that are sent meanwhile."""
    seen: list[str] = []

    def hear(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    sa.event.listen(services.database.engine, "before_cursor_execute", hear)
    try:
        yield seen
    finally:
        sa.event.remove(services.database.engine, "before_cursor_execute", hear)


def _count(client: TestClient, services: Services, address: str) -> int:
    """How many statements an answer takes; the second one, since the first may fill caches."""
    assert client.get(address).status_code < 500, address
    with counting(services) as seen:
        answer = client.get(address)
    assert answer.status_code in {200, 204, 303}, (address, answer.text)
    return len(seen)
