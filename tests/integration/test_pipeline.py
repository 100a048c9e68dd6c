"""Failures in the steps of the pipeline: their cause decides what happens to the pictures."""

import errno
import json
import os
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn, cast

import pytest
import redis
import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend.bootstrap import resolve_broker_url
from backend.embedded import client_url
from backend.encoders import Encoders, Lazy
from backend.errors import BackendUnavailable, EncoderUnavailable, NotFound, StorageFull
from backend.features.intake import ImportReport, accept_picture, accept_url, import_items, list_items, settle
from backend.features.operations import retry_all, retry_media
from backend.features.services import Services
from backend.features.steps import embed_batch, embed_waiting, open_active_space, sweep
from backend.files.decoding.decoders import DecodedPicture
from backend.files.storage import Storage
from backend.files.text import MediaText
from backend.store import leases
from backend.store.leases import Lease, hand_back, renew
from backend.store.media import claim_pending, find_media, get_media, list_outcomes, record_embedded
from backend.store.schema import Media, MediaStatus, Space, SpaceFillItem
from backend.store.spaces import claim_items, start_fill
from tests.support.waiting import wait_for


def accept(services: Services, picture: bytes) -> uuid.UUID:
    return accept_picture(services, picture, MediaText(), source="test").media_id


def media_state(services: Services, media_id: uuid.UUID) -> tuple[str, int, str | None]:
    with services.database.transaction() as session:
        media = get_media(session, media_id)
        return media.status, media.attempts, media.error_code


def expire_leases(services: Services) -> None:
    with services.database.transaction() as session:
        session.execute(sa.text("UPDATE media SET lease_until = now() - interval '1 s' WHERE lease_until IS NOT NULL"))


def test_embed_batch__a_missing_model_costs_no_attempt(services: Services, make_jpeg: Callable[..., bytes]) -> None:
    space = open_active_space(services)
    media_id = accept(services, make_jpeg(1))

    def no_model() -> NoReturn:
        raise EncoderUnavailable("not there")

    broken = replace(services, lazy_encoders=Lazy(no_model))
    for _ in range(5):
        with pytest.raises(EncoderUnavailable):
            embed_batch(broken, space)
    sweep(services)
    assert media_state(services, media_id) == ("pending", 0, None)
    assert embed_batch(services, space) == 1
    assert media_state(services, media_id)[0] == "embedded"


class _Watched:
    """The image encoder, with a look at what goes on while it embeds."""

    def __init__(self, encoder: object, look: Callable[[], None]) -> None:
        self._encoder, self._look = encoder, look

    def embed_pictures(self, images: object) -> object:
        self._look()
        return self._encoder.embed_pictures(images)  # type: ignore[attr-defined]

    def __getattr__(self, name: str) -> object:
        return getattr(self._encoder, name)


def watched_encoders(services: Services, look: Callable[[], None]) -> Services:
    """Services whose image encoder calls `look` before each batch."""
    real = services.encoders
    watched = SimpleNamespace(
        load=real.load,
        text=real.text,
        image=_Watched(real.image, look),
        image_fingerprint=real.image_fingerprint,
        text_fingerprint=real.text_fingerprint,
    )
    return replace(services, lazy_encoders=Lazy(lambda: cast(Encoders, watched)))


def held_media(services: Services) -> int:
    with services.database.transaction() as session:
        return session.execute(sa.text("SELECT count(*) FROM media WHERE lease_token IS NOT NULL")).scalar_one()


def test_embed_waiting__the_next_batch_is_decoded_beside_the_model(
    services: Services, make_jpeg: Callable[..., bytes]
) -> None:
    """While a batch is in the model the next one has been decoded to its end, and no third one is begun."""
    space = open_active_space(services)
    for seed in range(7):
        accept(services, make_jpeg(seed))
    services = replace(services, settings=services.settings.model_copy(update={"embed_batch_size": 2}))
    decoded = threading.Semaphore(0)
    held: list[int] = []
    recorded: list[int] = []
    real_decode = services.decoders.decode

    def decode(*arguments: Any, **options: Any) -> DecodedPicture:
        picture = real_decode(*arguments, **options)
        decoded.release()
        return picture

    taken = [2, 2, 2, 1]  # of the batch itself; while it is embedded, those of the next

    def look() -> None:
        if not held:
            assert all(decoded.acquire(timeout=60) for _ in range(taken[0]))
        coming = taken[len(held) + 1] if len(held) + 1 < len(taken) else 0
        assert all(decoded.acquire(timeout=60) for _ in range(coming))
        held.append(held_media(services))

    services.decoders.decode = decode  # type: ignore[method-assign]
    try:
        done = embed_waiting(
            watched_encoders(services, look), space, budget_seconds=600, on_recorded=lambda: recorded.append(1)
        )
    finally:
        services.decoders.decode = real_decode  # type: ignore[method-assign]
    assert (done, len(recorded)) == (7, 4)
    assert held == [4, 4, 3, 1]
    assert held_media(services) == 0


def test_embed_waiting__a_failure_gives_the_next_batch_back(
    services: Services, make_jpeg: Callable[..., bytes]
) -> None:
    space = open_active_space(services)
    ids = [accept(services, make_jpeg(seed)) for seed in range(4)]
    services = replace(services, settings=services.settings.model_copy(update={"embed_batch_size": 2}))

    def fail() -> None:
        raise BackendUnavailable("gone")

    with pytest.raises(BackendUnavailable):
        embed_waiting(watched_encoders(services, fail), space, budget_seconds=600)
    assert [media_state(services, media_id) for media_id in ids] == [("pending", 0, None)] * 4
    assert held_media(services) == 0
    assert not [thread.name for thread in threading.enumerate() if thread.name == "renewer"]


def test_embed_batch__a_slow_one_keeps_its_lease(
    services: Services, make_jpeg: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "_RENEWALS", 300)  # in each lease, which is long: so every fraction of a second
    space = open_active_space(services)
    media_id = accept(services, make_jpeg(1))
    taken: list[object] = []

    def lease_until() -> datetime:
        with services.database.transaction() as session:
            return session.execute(sa.text("SELECT lease_until FROM media")).scalar_one()

    def look() -> None:
        first = lease_until()
        wait_for(lambda: lease_until() > first)
        with services.database.transaction() as session:
            # As if it were the end of the lease as it was at first.
            session.execute(sa.text("UPDATE media SET lease_until = lease_until - (:first - now())"), {"first": first})
            taken.extend(claim_pending(session, Lease(uuid.uuid4(), 5.0), limit=5, max_attempts=3))

    assert embed_batch(watched_encoders(services, look), space) == 1
    assert taken == []
    assert media_state(services, media_id)[0] == "embedded"


class FullStorage(Storage):
    """A storage on a full disk: gives, and takes nothing."""

    def write(self, key: str, data: bytes) -> None:
        raise StorageFull(f"no room for {len(data)} bytes of {key}")


def test_embed_batch__a_full_disk_costs_no_attempt(services: Services, make_jpeg: Callable[..., bytes]) -> None:
    space = open_active_space(services)
    media_id = accept(services, make_jpeg(2))
    full = replace(services, storage=FullStorage.open(services.settings.resolved_storage_url))
    with pytest.raises(StorageFull):
        embed_batch(full, space)
    assert media_state(services, media_id) == ("pending", 0, None)
    # Not before a pause, so that a full disk is not asked all the time.
    assert embed_batch(services, space) == 0


def test_accept__a_full_disk_leaves_no_row(services: Services, make_jpeg: Callable[..., bytes]) -> None:
    full = replace(services, storage=FullStorage.open(services.settings.resolved_storage_url))
    with pytest.raises(StorageFull):
        accept(full, make_jpeg(3))
    with services.database.transaction() as session:
        assert session.execute(sa.text("SELECT count(*) FROM media")).scalar_one() == 0
    assert accept(services, make_jpeg(3))


def test_embed_batch__a_missing_original_fails_alone(services: Services, make_jpeg: Callable[..., bytes]) -> None:
    space = open_active_space(services)
    missing, whole = accept(services, make_jpeg(4)), accept(services, make_jpeg(5))
    with services.database.transaction() as session:
        key = get_media(session, missing).original_key
    services.storage.delete(key or "")
    assert embed_batch(services, space) == 2
    assert media_state(services, missing) == ("failed", 1, "original_missing")
    assert media_state(services, whole)[0] == "embedded"


def test_claim_pending__tried_before_is_claimed_alone_and_then_quarantined(
    services: Services, make_jpeg: Callable[..., bytes]
) -> None:
    """The first claim takes all; after a crash each is claimed by itself, without what has come since; the third crash ends
    it."""
    ids = [accept(services, make_jpeg(seed)) for seed in range(4)]
    claims = []
    for turn in range(10):
        with services.database.transaction() as session:
            claimed = claim_pending(session, Lease(uuid.uuid4(), 30), limit=16, max_attempts=3)
        claims.append([media.id for media in claimed])
        expire_leases(services)
        if turn == 0:
            fresh = accept(services, make_jpeg(4))
    assert [len(claim) for claim in claims] == [4, 1, 1, 1, 1, 1, 1, 1, 1, 1]
    assert [claim for claim in claims if fresh in claim] == claims[-1:]
    sweep(services)
    with services.database.transaction() as session:
        outcomes = list_outcomes(session, ids)
    assert {outcome.error_code for outcome in outcomes} == {"quarantined"}
    assert retry_all(services, actor="test") == 4
    assert media_state(services, ids[0]) == ("pending", 0, None)


def test_record_embedded__a_worker_that_comes_back_is_refused(
    services: Services, make_jpeg: Callable[..., bytes]
) -> None:
    accept(services, make_jpeg(6))
    late, current = Lease(uuid.uuid4(), 30), Lease(uuid.uuid4(), 30)
    with services.database.transaction() as session:
        (claimed,) = claim_pending(session, late, limit=1, max_attempts=3)
    expire_leases(services)
    with services.database.transaction() as session:
        assert [media.id for media in claim_pending(session, current, limit=1, max_attempts=3)] == [claimed.id]
    with services.database.transaction() as session:
        assert record_embedded(session, [claimed.id], late, {}) == []
        assert record_embedded(session, [claimed.id], current, {}) == [claimed.id]


@pytest.mark.parametrize("leased", [Media, SpaceFillItem])
@pytest.mark.parametrize("ending", [renew, hand_back])
def test_leases__are_found_by_their_token(
    services: Services,
    insert_media: Callable[..., list[uuid.UUID]],
    make_test_space: Callable[..., Space],
    leased: type[Media] | type[SpaceFillItem],
    ending: Callable[[Session, Any, Lease], None],
) -> None:
    """However many rows wait: a worker renews its lease while it works."""
    space = make_test_space(services.database)
    insert_media(services.database, 5000, "pending")
    lease = Lease(uuid.uuid4(), 30)
    statements: list[tuple[str, Any]] = []
    with services.database.transaction() as session:
        start_fill(session, space.id, "test")
        query = "INSERT INTO space_fill_item (space_id, media_id) SELECT :space, id FROM media"
        session.execute(sa.text(query), {"space": space.id})
        if leased is Media:
            claim_pending(session, lease, limit=16, max_attempts=3)
        else:
            claim_items(session, space.id, lease, limit=16, max_attempts=3)
        session.execute(sa.text("ANALYZE media, space_fill_item"))
        listener = lambda *told: statements.append((told[2], told[3]))  # noqa: E731 - told is what SQLAlchemy hands over
        sa.event.listen(session.connection(), "before_cursor_execute", listener)
        ending(session, leased, lease)
        ((statement, parameters),) = statements
        plan = session.connection().exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars().all()
    assert f"Index Scan using {leased.__tablename__}_lease_token_idx" in "\n".join(plan)


def test_claim_pending__upload_order(services: Services, make_jpeg: Callable[..., bytes]) -> None:
    ids = [accept(services, make_jpeg(seed)) for seed in range(6)]
    with services.database.transaction() as session:
        claimed = claim_pending(session, Lease(uuid.uuid4(), 30), limit=4, max_attempts=3)
    assert [media.id for media in claimed] == ids[:4]


def test_accept_url__a_name_that_does_not_resolve_is_for_the_worker_to_find_out(services: Services) -> None:
    accepted = accept_url(services, "http://no-such-host.invalid/a.jpg", MediaText())
    assert accepted.status is MediaStatus.FETCHING


def test_retry_media__what_has_not_failed(services: Services, make_jpeg: Callable[..., bytes]) -> None:
    with pytest.raises(NotFound):
        retry_media(services, [accept(services, make_jpeg(7))], actor="test")


def test_import__what_failed_before_is_told_again(
    services: Services, make_jpeg: Callable[..., bytes], tmp_path: object
) -> None:
    folder = tmp_path / "pictures"  # type: ignore[operator]
    folder.mkdir()
    (folder / "a.jpg").write_bytes(make_jpeg(8))
    for expected in ("new", "duplicate"):
        report = ImportReport()
        items, _ = list_items(services, [str(folder)])
        assert len(list(import_items(services, items, report))) == 1
        assert bool(report.new) is (expected == "new")
        with services.database.transaction() as session:
            session.execute(sa.text("UPDATE media SET status = 'failed', error_code = 'quarantined'"))
        settle(services, report)
        assert [(failure.path, failure.code) for failure in report.failed] == [(str(folder / "a.jpg"), "quarantined")]
        assert (report.new, report.duplicates) == ({}, {})


def test_manifest_of_other_things__lists_few_failures(services: Services, tmp_path: Path) -> None:
    manifest = tmp_path / "a.jsonl"
    manifest.write_text('{"path": "a.jpg"}\n' + "no JSON\n" * 2500 + '{"path": "b.jpg"}\n')
    items, _ = list_items(services, [str(manifest)])
    assert [item.name for item in items if item.error is None] == [str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg")]
    failed = [item for item in items if item.error is not None]
    assert len(failed) == 1001
    assert failed[-1].name == str(manifest)
    assert "1,500 more lines cannot be used" in str(failed[-1].error)


def test_import__a_folder_that_cannot_be_opened_has_failed(
    services: Services, make_jpeg: Callable[..., bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shut").mkdir()
    (tmp_path / "a.jpg").write_bytes(make_jpeg(8))
    scandir = os.scandir

    def refuse(path: str | Path) -> object:
        if Path(path).name == "shut":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    report = ImportReport()
    items, _skipped = list_items(services, [str(tmp_path)])
    list(import_items(services, items, report))

    assert list(report.new.values()) == [str(tmp_path / "a.jpg")]
    assert [(failure.path, failure.code) for failure in report.failed] == [(str(tmp_path / "shut"), "file_unreadable")]


def test_ocr__switched_on_without_its_program_fails_nothing(
    make_services: Callable[..., Services], make_jpeg: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    services = make_services(enable_ocr=True)
    space = open_active_space(services)
    media_id = accept(services, make_jpeg(9))
    embed_batch(services, space)
    assert media_state(services, media_id)[0] == "embedded"


def test_broker_gone__uploads_are_taken_and_found_by_the_sweep(
    services: Services, make_services: Callable[..., Services], make_jpeg: Callable[..., bytes], tmp_path: object
) -> None:
    from pydantic import SecretStr

    deaf = make_services(redis_url=SecretStr(f"redis+socket://{tmp_path}/none.sock"))
    media_id = accept(deaf, make_jpeg(10))
    with redis.Redis.from_url(client_url(resolve_broker_url(services.settings))) as broker:
        assert sweep(services).pending == 1
        assert _rings(broker, "embed") == ["mediacluster.embed"]
        with services.database.transaction() as session:
            session.execute(sa.text("UPDATE media SET status = 'embedded', embedded_at = now()"))
        sweep(services)
        assert "mediacluster.assign" in _rings(broker, "light")
    with services.database.transaction() as session:
        assert find_media(session, media_id) is not None
    with pytest.raises(BackendUnavailable):
        deaf.doorbell.check()


def _rings(broker: redis.Redis, queue: str) -> list[str]:
    """The tasks that wait in a queue."""
    return [json.loads(message)["headers"]["task"] for message in broker.lrange(queue, 0, -1)]


def test_accept__the_same_bytes_at_once_are_one_media(
    make_services: Callable[..., Services], make_jpeg: Callable[..., bytes]
) -> None:
    services = make_services()
    with ThreadPoolExecutor(8) as pool:
        accepted = list(
            pool.map(lambda _: accept_picture(services, make_jpeg(11), MediaText(), source="test"), range(16))
        )
    assert len({one.media_id for one in accepted}) == 1
    assert sum(not one.duplicate for one in accepted) == 1


def test_accept__uploads_at_once_become_visible_in_their_order(
    make_services: Callable[..., Services], make_jpeg: Callable[..., bytes]
) -> None:
    """A row with a higher upload_seq is never visible before one with a lower: the assigner relies on it."""
    services = make_services()
    pictures = [make_jpeg(100 + number) for number in range(48)]
    done = threading.Event()
    seen: list[list[int]] = []

    def watch() -> None:
        own = make_services()
        while not done.is_set():
            with own.database.transaction() as session:
                seen.append(list(session.execute(sa.text("SELECT upload_seq FROM media ORDER BY 1")).scalars()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda picture: accept(services, picture), pictures))
    done.set()
    watcher.join()
    final = seen[-1] if len(seen[-1]) == 48 else sorted({seq for rows in seen for seq in rows})
    for rows in seen:
        assert rows == [seq for seq in final if rows and seq <= rows[-1]]
