"""Files that the decoder does not survive: quarantined with their reason, while their neighbours pass."""

import errno
import os
import signal
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from backend.errors import BackendUnavailable, DecodeCrash
from backend.features.intake import accept_picture
from backend.features.model_change import choose_names, fill, list_failed, make_space
from backend.features.services import Services
from backend.features.steps import embed_batch, fill_batch, open_active_space, sweep
from backend.files.decoding import Decoders
from backend.files.storage import FolderStore, Storage, thumbnail_keys
from backend.files.text import MediaText
from backend.redaction import Redactor
from backend.store.media import get_media
from backend.store.schema import Media
from backend.web.api.app import create_app
from tests.support.processes import children_with
from tests.support.waiting import wait_for

UNIT = Path(__file__).parents[1] / "unit" / "files" / "decoding"


@pytest.fixture
def poisoned(services: Services, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """Services whose decoders do what a file says."""
    monkeypatch.syspath_prepend(str(UNIT))
    # Long enough for a good picture on a busy machine.
    decoders = Decoders(processes=2, seconds=4.0, memory_bytes=256 * 2**20, work="decoder_poison:work")
    yield replace(services, decoders=decoders)
    decoders.close()


def accept(services: Services, data: bytes) -> uuid.UUID:
    return accept_picture(services, data, MediaText(), source="test").media_id


def read(services: Services, media_id: uuid.UUID) -> Media:
    with services.database.transaction() as session:
        return get_media(session, media_id)


def make_due(services: Services, wait: str = "0 s") -> None:
    with services.database.transaction() as session:
        session.execute(sa.text("UPDATE media SET next_attempt_at = now() + CAST(:wait AS interval)"), {"wait": wait})


def ask_time(services: Services) -> datetime:
    with services.database.transaction() as session:
        return session.execute(sa.select(sa.func.clock_timestamp())).scalar_one()


@pytest.mark.parametrize(
    ("word", "reason"), [("segfault", "SIGSEGV"), ("stall", "longer than 4 seconds"), ("memory 999999999", "256 MiB")]
)
def test_embed_batch__poison_is_quarantined_and_its_neighbours_pass(
    services: Services, poisoned: Services, make_jpeg: Callable[..., bytes], word: str, reason: str
) -> None:
    space = open_active_space(services)
    neighbours = [accept(services, make_jpeg(seed)) for seed in range(5)]
    bad = accept(services, make_jpeg(99) + f"POISON:{word}".encode())
    neighbours += [accept(services, make_jpeg(seed)) for seed in range(5, 10)]

    begun = ask_time(services)
    assert embed_batch(poisoned, space) == 11

    assert {read(services, media_id).status for media_id in neighbours} == {"embedded"}
    for attempt in (1, 2):
        media = read(services, bad)
        assert (media.status, media.attempts, media.lease_token) == ("pending", attempt, None)
        assert reason in (media.error_detail or "")
        # Not at once; how long a second is depends on what else the machine does.
        assert media.next_attempt_at >= begun + timedelta(seconds=1)
        make_due(services, "1 hour")
        assert embed_batch(poisoned, space) == 0
        make_due(services)
        begun = ask_time(services)
        assert embed_batch(poisoned, space) == 1
    media = read(services, bad)
    assert (media.status, media.attempts, media.error_code) == ("failed", 3, "quarantined")
    assert "3 attempts" in (media.error_detail or "")
    assert reason in (media.error_detail or "")
    make_due(services)
    assert embed_batch(poisoned, space) == 0


def test_embed_batch__a_crash_that_does_not_come_again_leaves_nothing_behind(
    services: Services, poisoned: Services, make_jpeg: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    space = open_active_space(services)
    media_id = accept(services, make_jpeg(1) + b"POISON:segfault")
    embed_batch(poisoned, space)
    assert read(services, media_id).error_detail
    make_due(services)
    embed_batch(services, space)
    media = read(services, media_id)
    assert (media.status, media.error_code, media.error_detail) == ("embedded", None, None)


def test_embed_batch__vectors_are_those_of_the_whole_picture(
    services: Services, make_jpeg: Callable[..., bytes]
) -> None:
    """What decoders shrink beforehand is bit for bit what the encoder would have shrunk itself."""
    from backend.files.decoding.pixels import decode_picture
    from backend.store.media.embeddings import fetch_image_embeddings

    space = open_active_space(services)
    pictures = [make_jpeg(1, 900, 700), make_jpeg(2, 300, 1000), make_jpeg(3, 60, 50), make_jpeg(4, 5000, 90)]
    ids = [accept(services, data) for data in pictures]
    embed_batch(services, space)
    with services.database.transaction() as session:
        found, vectors = fetch_image_embeddings(session, space.id)
    whole = [decode_picture(data, services.limits, at_least=640) for data in pictures]
    expected = services.encoders.image.embed_pictures(whole)
    for media_id, vector in zip(ids, expected, strict=True):
        assert (vectors[found.index(media_id)] == vector).all()


def test_upload__poison_is_refused_and_the_service_lives(
    services: Services, poisoned: Services, make_jpeg: Callable[..., bytes]
) -> None:
    client = TestClient(create_app(poisoned))
    bad = make_jpeg(1) + b"POISON:segfault"
    answer = client.post("/media", files={"file": ("a.jpg", bad)})
    assert (answer.status_code, answer.json()["code"]) == (422, "decode_crash")
    assert "SIGSEGV" in answer.json()["detail"]
    both = client.post("/media", files=[("file", ("a.jpg", bad)), ("file", ("b.jpg", make_jpeg(2)))])
    assert both.status_code == 202
    assert [one["code"] for one in both.json()["media"]] == ["decode_crash", None]
    with services.database.transaction() as session:
        assert session.execute(sa.text("SELECT count(*) FROM media")).scalar_one() == 1


class BadSectors(FolderStore):
    """A folder on a disk that does not give out what `is_bad` says."""

    is_bad: Callable[[str], bool]

    def read(self, key: str) -> bytes:
        if self.is_bad(key):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().read(key)


def on_bad_disk(services: Services, is_bad: Callable[[str], bool]) -> Services:
    url = services.settings.resolved_storage_url
    store = BadSectors(Path(url.removeprefix("file://")))
    store.is_bad = is_bad
    return replace(services, storage=Storage(store, url, Redactor(())))


def test_embed_batch__an_original_that_cannot_be_read_stops_no_other(
    services: Services, make_jpeg: Callable[..., bytes]
) -> None:
    space = open_active_space(services)
    bad, *neighbours = [accept(services, make_jpeg(seed)) for seed in range(5)]
    partly = on_bad_disk(services, lambda key: key == read(services, bad).original_key)

    assert embed_batch(partly, space) == 5

    assert {read(services, media_id).status for media_id in neighbours} == {"embedded"}
    assert (read(services, bad).status, read(services, bad).attempts) == ("pending", 1)
    for _attempt in range(2):
        make_due(services)
        assert embed_batch(partly, space) == 1
    media = read(services, bad)
    assert (media.status, media.error_code) == ("failed", "quarantined")
    assert "file_unreadable" in (media.error_detail or "")
    assert os.strerror(errno.EIO) in (media.error_detail or "")


def test_embed_batch__a_storage_that_gives_nothing_out_costs_no_file_an_attempt(
    services: Services, make_jpeg: Callable[..., bytes]
) -> None:
    space = open_active_space(services)
    ids = [accept(services, make_jpeg(seed)) for seed in range(5)]

    with pytest.raises(BackendUnavailable):
        embed_batch(on_bad_disk(services, lambda _key: True), space)

    assert {(read(services, one).status, read(services, one).attempts) for one in ids} == {("pending", 0)}


def test_embed_batch__a_thumbnail_that_cannot_be_written_stops_no_other(
    services: Services, make_jpeg: Callable[..., bytes]
) -> None:
    space = open_active_space(services)
    bad, neighbour = accept(services, make_jpeg(1)), accept(services, make_jpeg(2))
    folder = Path(services.settings.resolved_storage_url.removeprefix("file://"))
    (folder / thumbnail_keys(read(services, bad).sha256 or b"")[1] / "in_its_place").mkdir(parents=True)

    embed_batch(services, space)

    assert (read(services, bad).status, read(services, neighbour).status) == ("pending", "embedded")
    assert "file_unreadable" in (read(services, bad).error_detail or "")


def test_fill_batch__an_original_that_cannot_be_read_stops_no_other(
    services: Services, narrow_image_model: str, make_jpeg: Callable[..., bytes]
) -> None:
    space = open_active_space(services)
    ids = [accept(services, make_jpeg(seed)) for seed in range(5)]
    assert embed_batch(services, space) == 5
    make_space(services, choose_names(services, None, narrow_image_model, None, None), name="narrow", actor="ada")
    fill(services, "narrow", actor="ada")

    with pytest.raises(BackendUnavailable):
        fill_batch(on_bad_disk(services, lambda _key: True))
    with services.database.transaction() as session:
        assert session.execute(sa.text("SELECT max(attempts) FROM space_fill_item")).scalar_one() == 0
        session.execute(sa.text("UPDATE space_fill_item SET next_attempt_at = now()"))
    partly = on_bad_disk(services, lambda key: key == read(services, ids[2]).original_key)
    assert fill_batch(partly) == 5
    for _attempt in range(2):
        with services.database.transaction() as session:
            assert session.execute(sa.text("SELECT media_id FROM space_fill_item")).scalars().all() == [ids[2]]
            session.execute(sa.text("UPDATE space_fill_item SET next_attempt_at = now()"))
        assert fill_batch(partly) == 1
    (failed,) = list_failed(services, "narrow", 10)
    assert (failed.media_id, failed.error_code) == (ids[2], "quarantined")
    assert os.strerror(errno.EIO) in failed.error_detail


def test_search__poison_is_refused(services: Services, poisoned: Services, make_jpeg: Callable[..., bytes]) -> None:
    open_active_space(services)
    accept(services, make_jpeg(1))
    embed_batch(services, open_active_space(services))
    client = TestClient(create_app(poisoned))
    answer = client.post("/search", files={"file": ("a.jpg", make_jpeg(1) + b"POISON:abort")})
    assert (answer.status_code, answer.json()["picture_code"]) == (422, "decode_crash")


def test_worker__decodes_in_processes_of_its_own(
    services: Services, make_jpeg: Callable[..., bytes], tmp_path: Path
) -> None:
    """A real prefork worker, whose pool processes are daemonic: kill its decoders while it works, and all pass."""
    import subprocess

    from backend.supervision import worker_command

    settings = services.settings
    settings.home.mkdir(parents=True, exist_ok=True)
    assert settings.database_url
    assert settings.redis_url
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MEDIACLUSTER_")} | {
        "MEDIACLUSTER_HOME": str(settings.home),
        "MEDIACLUSTER_PRESET": "demo",
        "MEDIACLUSTER_TORCH_THREADS": "1",
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "REDIS_URL": settings.redis_url.get_secret_value(),
    }
    ids: list[uuid.UUID] = []

    def accept_more(count: int) -> None:
        ids.extend(accept(services, make_jpeg(seed, 1600, 1200)) for seed in range(len(ids), len(ids) + count))

    def count_unfinished() -> int:
        sweep(services)  # instead of beat
        with services.database.transaction() as session:
            return session.execute(
                sa.text("SELECT count(*) FROM media WHERE status NOT IN ('ready', 'failed')")
            ).scalar_one()

    def kill_decoder() -> bool:
        for process in children_with("backend.files.decoding.child", worker.pid):
            process.kill()
            return True
        return False

    accept_more(48)
    with (settings.home / "worker.log").open("wb") as log:
        worker = subprocess.Popen(worker_command("all"), env=environ, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_for(lambda: count_unfinished() < len(ids), every_seconds=0.3)
        for _kill in range(4):
            wait_for(kill_decoder)
            finished = len(ids) - count_unfinished()
            accept_more(16)  # however fast the worker is, it is in the middle of its work at each kill
            wait_for(lambda: len(ids) - count_unfinished() > finished, every_seconds=0.3)  # noqa: B023 - waited for here
        wait_for(lambda: not count_unfinished(), every_seconds=0.3)
    except AssertionError as error:
        error.add_note((settings.home / "worker.log").read_text())
        raise
    finally:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
    assert {read(services, media_id).status for media_id in ids} == {"ready"}


def test_accept__the_crash_is_told(poisoned: Services, make_jpeg: Callable[..., bytes]) -> None:
    with pytest.raises(DecodeCrash, match="status 7"):
        accept(poisoned, make_jpeg(1) + b"POISON:exit")
    assert "decoder_poison" not in sys.modules
