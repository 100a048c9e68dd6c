"""Deleting media: rows at once, files after, and workers that come too late."""

import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import psycopg
import pytest
import sqlalchemy as sa
from PIL.Image import Image
from starlette.testclient import TestClient

from backend.encoders import Vectors
from backend.errors import BackendUnavailable, InputError, LeaseLost, NotFound
from backend.features.duplicates import compare_waiting
from backend.features.editing import delete_media, list_history
from backend.features.intake import accept_picture, accept_url, intake
from backend.features.integrity import audit
from backend.features.services import Services
from backend.features.steps import Assigner, embed_batch, fetch, open_active_space
from backend.files.outbound import Fetched, fetch_url
from backend.files.storage import Storage, thumbnail_keys
from backend.files.text import MediaText
from backend.store.events.events import CHANNEL
from backend.store.leases import Lease
from backend.store.media import (
    StoredFile,
    claim_pending,
    find_media,
    get_media,
    record_embedded,
    record_failed,
    remove_unheld_files,
)
from backend.store.schema import MediaStatus, Space
from backend.web.api.app import create_app
from tests.support.waiting import PATIENCE_SECONDS


@pytest.fixture
def library(
    services: Services,
    insert_media: Callable[..., list[uuid.UUID]],
    make_test_space: Callable[..., Space],
    embed_media: Callable[..., None],
) -> list[uuid.UUID]:
    """One cluster of five, and one of a single media."""
    space = make_test_space(services.database)
    vectors = np.eye(16, dtype=np.float32)[[0, 0, 0, 0, 0, 1]]
    vectors += 0.05 * np.random.default_rng(0).normal(size=vectors.shape).astype(np.float32)
    ids: list[uuid.UUID] = insert_media(services.database, 6, "pending")
    embed_media(services.database, space, ids, vectors)
    assert Assigner(services, space).assign_waiting() == 6
    return ids


def value(services: Services, query: str, **parameters: object) -> object:
    with services.database.transaction() as session:
        return session.execute(sa.text(query), parameters).scalar_one()


def test_delete_media__before_anything_is_grouped(services: Services, make_jpeg: Callable[..., bytes]) -> None:
    """No worker has made a space yet."""
    media_id = accept_picture(services, make_jpeg(1), MediaText(), source="test").media_id
    preview = delete_media(services, [media_id], actor="eve", dry_run=True)
    assert (preview.event_id, preview.summary) == (None, "Deleted 1 picture")
    assert value(services, "SELECT count(*) FROM media") == 1

    outcome = delete_media(services, [media_id], actor="eve")

    assert (outcome.moved, outcome.warnings) == ((), ("A deletion cannot be undone.",))
    assert value(services, "SELECT count(*) FROM media") == 0
    assert list(services.storage.list_keys()) == []
    assert value(services, "SELECT summary FROM cluster_event") == "Deleted 1 picture"
    assert value(services, "SELECT count(*) FROM audit_log WHERE act = 'media.deleted'") == 1


def test_delete_media__rows_centroids_and_representative(services: Services, library: list[uuid.UUID]) -> None:
    representative = value(services, "SELECT representative_media_id FROM cluster WHERE id = 1")
    assert representative == library[0]
    outcome = delete_media(services, [library[0], library[5], library[0]], actor="eve")
    assert {(media_id, from_) for media_id, from_, _ in outcome.moved} == {(library[0], 1), (library[5], 2)}
    assert outcome.removed_cluster_ids == (2,)
    assert value(services, "SELECT representative_media_id FROM cluster WHERE id = 1") in library[1:5]
    assert value(services, "SELECT member_count FROM centroid") == 4
    assert value(services, "SELECT count(*) FROM embedding") == 4
    assert audit(services.database, replay=True).breaches == {}
    with services.database.transaction() as session:
        (event,) = list_history(session, media_id=library[0], limit=5)
    assert (event.kind, event.undoable, event.media_count, event.actor) == ("delete", False, 2, "eve")


def test_delete_media__dry_run_and_refusals_change_nothing(services: Services, library: list[uuid.UUID]) -> None:
    preview = delete_media(services, library[:1], actor="eve", dry_run=True)
    assert preview.event_id is None
    assert preview.clusters[0].size_after == 4
    with pytest.raises(NotFound):
        delete_media(services, [library[0], uuid.uuid4()], actor="eve")
    with pytest.raises(InputError):
        delete_media(services, [], actor="eve")
    assert value(services, "SELECT count(*) FROM membership") == 6
    assert value(services, "SELECT count(*) FROM cluster_event") == 0


def test_delete_media__tells_listeners(services: Services, library: list[uuid.UUID]) -> None:
    with psycopg.connect(services.database.url, autocommit=True) as listener:
        listener.execute(f"LISTEN {CHANNEL}".encode())
        delete_media(services, library[:1], actor="eve")
        heard = [notice.payload for notice in listener.notifies(timeout=PATIENCE_SECONDS, stop_after=1)]
    assert heard == [f'{{"type": "media.deleted", "media_id": "{library[0]}"}}']


def test_delete_media__files_go_and_may_come_again(services: Services, make_jpeg: Callable[..., bytes]) -> None:
    space = open_active_space(services)
    picture = make_jpeg(1)
    accepted = accept_picture(services, picture, MediaText(), source="test")
    assert embed_batch(services, space) == 1
    assert len(list(services.storage.list_keys())) == 3
    delete_media(services, [accepted.media_id], actor="eve")
    assert list(services.storage.list_keys()) == []
    again = accept_picture(services, picture, MediaText(), source="test")
    assert not again.duplicate
    assert again.media_id != accepted.media_id


def test_delete_media__vectors_files_thumbnails_and_memberships(
    services: Services, make_jpeg: Callable[..., bytes]
) -> None:
    """Whatever column of whatever table could name it; the history alone does. What its neighbour has stays."""
    space = open_active_space(services)
    doomed, kept = (
        accept_picture(services, make_jpeg(1, quality=quality), MediaText(title="A"), source="test").media_id
        for quality in (90, 60)
    )
    assert embed_batch(services, space) == 2
    assert Assigner(services, space).assign_waiting() == 2
    compare_waiting(services)
    before, files = naming(services, doomed), set(services.storage.list_keys())
    assert {"media.id", "embedding.media_id", "membership.media_id", "near_duplicate.media_id"} <= before.keys()
    # The better of two that look alike: the other one names it.
    assert before["near_duplicate.keeper_media_id"] == 2
    assert len(files) == 6
    delete_media(services, [doomed], actor="eve")
    assert naming(services, doomed) == {}
    assert naming(services, kept)["membership.media_id"] == 1
    with services.database.transaction() as session:
        sha256 = get_media(session, kept).sha256
    assert sha256 is not None
    assert {sha256.hex() in key for key in services.storage.list_keys()} == {True}
    assert len(set(services.storage.list_keys())) == 3


def naming(services: Services, media_id: uuid.UUID) -> dict[str, int]:
    """Rows that refer to a picture, by table and column."""
    with services.database.transaction() as session:
        columns = session.execute(
            sa.text(
                "SELECT relname, attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid "
                "WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace "
                "AND atttypid = 'uuid'::regtype AND attnum > 0 AND NOT attisdropped"
            )
        ).all()
        counts = {
            f"{table}.{column}": session.execute(
                sa.text(f'SELECT count(*) FROM "{table}" WHERE "{column}" = :id'), {"id": media_id}
            ).scalar_one()
            for table, column in columns
        }
    return {name: count for name, count in counts.items() if count}


def test_delete_media__what_pointed_to_its_bytes_goes_too(services: Services, library: list[uuid.UUID]) -> None:
    double = uuid.uuid4()
    with services.database.transaction() as session:
        session.execute(
            sa.text(
                "INSERT INTO media (id, source, source_uri, status, duplicate_of) "
                "VALUES (:id, 'url', 'http://x', 'duplicate', :of)"
            ),
            {"id": double, "of": library[0]},
        )
    delete_media(services, library[:1], actor="eve")
    with services.database.transaction() as session:
        assert find_media(session, double) is None


def test_delete_media__while_a_worker_embeds_it(services: Services, make_jpeg: Callable[..., bytes]) -> None:
    """The worker finds nothing to record, says so, and leaves no thumbnail behind."""
    space = open_active_space(services)
    doomed = accept_picture(services, make_jpeg(1), MediaText(title="A"), source="test").media_id
    kept = accept_picture(services, make_jpeg(2), MediaText(title="B"), source="test").media_id
    encoders = services.encoders
    load_image = encoders.image.embed_pictures

    def embed_pictures(pictures: Sequence[Image]) -> Vectors:
        delete_media(services, [doomed], actor="eve")
        return load_image(pictures)

    object.__setattr__(encoders.image, "embed_pictures", embed_pictures)
    assert embed_batch(services, space) == 2
    with services.database.transaction() as session:
        assert find_media(session, doomed) is None
        assert get_media(session, kept).status == "embedded"
        sha256 = get_media(session, kept).sha256
    assert sha256 is not None
    keys = list(services.storage.list_keys())
    assert len(keys) == 3
    assert set(thumbnail_keys(sha256)) <= set(keys)


def test_delete_media__before_a_worker_writes_its_thumbnails(
    services: Services, make_jpeg: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They come too late, and go again."""
    space = open_active_space(services)
    doomed = accept_picture(services, make_jpeg(1), MediaText(), source="test").media_id
    real = services.decoders.decode

    def decode(*arguments: Any, **options: Any) -> Any:
        picture = real(*arguments, **options)
        delete_media(services, [doomed], actor="eve")
        return picture

    monkeypatch.setattr(services.decoders, "decode", decode)
    assert embed_batch(services, space) == 1
    assert list(services.storage.list_keys()) == []


def test_delete_media__a_lease_on_it_is_lost(
    services: Services, insert_media: Callable[..., list[uuid.UUID]], make_test_space: Callable[..., Space]
) -> None:
    make_test_space(services.database)
    (doomed,) = insert_media(services.database, 1, "pending")
    lease = Lease(uuid.uuid4(), 60)
    with services.database.transaction() as session:
        assert [one.id for one in claim_pending(session, lease, limit=1, max_attempts=3)] == [doomed]
    delete_media(services, [doomed], actor="eve")
    with services.database.transaction() as session:
        assert record_embedded(session, [doomed], lease, {doomed: "words"}) == []
    with pytest.raises(LeaseLost), services.database.transaction() as session:
        record_failed(session, doomed, lease, "image_corrupt", "")


def test_delete_media__while_it_is_fetched(
    make_services: Callable[..., Services], make_test_space: Callable[..., Space], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fetch fails after the media is gone: nobody is told of a failure, and the worker goes on."""
    from backend.features.steps import fetch

    services = make_services(fetch_allow_private=True, fetch_ports=(1,))
    make_test_space(services.database)
    media_id = accept_url(services, "http://127.0.0.1:1/picture.jpg", MediaText()).media_id

    def fetch_too_late(*arguments: Any) -> object:
        delete_media(services, [media_id], actor="eve")
        return fetch_url(*arguments)

    monkeypatch.setattr(fetch, "fetch_url", fetch_too_late)
    assert fetch.fetch_next(services) == 1
    assert value(services, "SELECT count(*) FROM media") == 0


def test_delete_media__workers_that_hold_rows_in_another_order(
    services: Services, insert_media: Callable[..., list[uuid.UUID]], make_test_space: Callable[..., Space]
) -> None:
    """A worker holds the second row and waits for the first: the deletion gives way and retries."""
    make_test_space(services.database)
    ids = sorted(insert_media(services.database, 2, "pending"))
    holding = threading.Event()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            with services.database.transaction() as session:
                session.execute(sa.text("UPDATE media SET attempts = 1 WHERE id = :id"), {"id": ids[1]})
                holding.set()
                # Until the other one waits for this row, having the first.
                while not value(services, "SELECT count(*) FROM pg_locks WHERE NOT granted"):
                    pass
                session.execute(sa.text("UPDATE media SET attempts = 1 WHERE id = :id"), {"id": ids[0]})
        except sa.exc.DBAPIError as error:
            failures.append(error)

    worker = threading.Thread(target=work)
    worker.start()
    holding.wait()
    delete_media(services, ids, actor="eve")
    worker.join()
    assert failures == []
    assert value(services, "SELECT count(*) FROM media") == 0


class ComesAgain(Storage):
    """A storage in which the same bytes are uploaded again at the moment in which the file is removed."""

    def delete(self, key: str) -> None:
        super().delete(key)
        self.upload()  # type: ignore[attr-defined]


def test_remove_unheld_files__bytes_that_come_again_meanwhile(
    services: Services, insert_media: Callable[..., list[uuid.UUID]], make_test_space: Callable[..., Space]
) -> None:
    sha256 = bytes(32)
    storage = ComesAgain.open(services.settings.resolved_storage_url)
    storage.write("originals/x.jpg", b"picture")

    def upload() -> None:
        (media_id,) = insert_media(services.database, 1, "pending")
        with services.database.transaction() as session:
            session.execute(sa.text("UPDATE media SET sha256 = :sha WHERE id = :id"), {"sha": sha256, "id": media_id})

    storage.upload = upload  # type: ignore[attr-defined]
    remove_unheld_files(services.database, storage, [StoredFile(sha256, "originals/x.jpg")])
    assert storage.read("originals/x.jpg") == b"picture"


def test_remove_unheld_files__nothing_that_somebody_has(services: Services, make_jpeg: Callable[..., bytes]) -> None:
    accepted = accept_picture(services, make_jpeg(3), MediaText(), source="test")
    with services.database.transaction() as session:
        media = get_media(session, accepted.media_id)
    assert media.sha256 is not None
    assert media.original_key is not None
    remove_unheld_files(services.database, services.storage, [StoredFile(media.sha256, media.original_key)])
    assert services.storage.exists(media.original_key)


# --- pictures that are deleted while their bytes are sent again -------------------------------------------------


@contextmanager
def deleted_after(services: Services, statements: int) -> Iterator[None]:
    """Delete all pictures once this process has run so many statements, unless one is locked then."""
    seen = 0

    def count(*_: object) -> None:
        nonlocal seen
        seen += 1
        if seen != statements:
            return
        with psycopg.connect(services.database.url) as other, suppress(psycopg.errors.LockNotAvailable):
            other.execute("SET lock_timeout = '100ms'")
            other.execute("DELETE FROM media WHERE sha256 IS NOT NULL")

    sa.event.listen(services.database.engine, "after_cursor_execute", count)
    try:
        yield
    finally:
        sa.event.remove(services.database.engine, "after_cursor_execute", count)


@pytest.mark.parametrize("statements", range(1, 16))
def test_delete__while_the_same_bytes_are_sent_again(
    services: Services, make_jpeg: Callable[..., bytes], statements: int
) -> None:
    with TestClient(create_app(services), raise_server_exceptions=False) as client:
        client.post("/media", files={"file": make_jpeg(1)})
        with deleted_after(services, statements):
            again = client.post(
                "/media", files={"file": make_jpeg(1)}, data={"title": "A walk", "location": "1.5, 2.5"}
            )
        assert again.status_code in {200, 202}, again.text
        (told,) = again.json()["media"]
        if again.status_code == 202:
            assert client.get(f"/media/{told['id']}").json()["title"] == "A walk"


@pytest.mark.parametrize("statements", range(1, 16))
def test_delete__while_two_send_the_same_bytes(
    services: Services, make_jpeg: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch, statements: int
) -> None:
    # The other one stores them right after it was seen that they are not there.
    monkeypatch.setattr(intake, "_find_known", lambda *_: None)
    with TestClient(create_app(services), raise_server_exceptions=False) as client:
        client.post("/media", files={"file": make_jpeg(1)})
        with deleted_after(services, statements):
            again = client.post("/media", files={"file": make_jpeg(1)}, data={"title": "A walk"})
        assert again.status_code in {200, 202}, again.text


@pytest.mark.parametrize("statements", range(1, 16))
def test_delete__while_the_same_bytes_are_fetched(
    services: Services, make_jpeg: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch, statements: int
) -> None:
    fetched = Fetched(make_jpeg(1), "https://example.org/a.jpg", "a.jpg", is_named=False)
    monkeypatch.setattr(fetch, "fetch_url", lambda *_: fetched)
    accept_picture(services, make_jpeg(1), MediaText(), source="upload")
    media_id = accept_url(services, "https://example.org/a.jpg", MediaText(title="A walk")).media_id
    with deleted_after(services, statements), suppress(BackendUnavailable):
        fetch.fetch_next(services)
    with services.database.transaction() as session:
        session.execute(sa.text("UPDATE media SET next_attempt_at = now()"))
    while fetch.fetch_next(services):
        pass
    with services.database.transaction() as session:
        found = find_media(session, media_id)
    assert found is None or found.status in {MediaStatus.PENDING, MediaStatus.DUPLICATE}, found.error_detail
