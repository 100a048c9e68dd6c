"""Orphans both ways, lost thumbnails and originals, centroids that are off: found, and mended."""

import os
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import pytest
import sqlalchemy as sa
from moto.server import ThreadedMotoServer

from backend.features.backup import back_up
from backend.features.editing import delete_media
from backend.features.intake import accept_picture
from backend.features.integrity import audit, repair
from backend.features.operations import retry_media
from backend.features.services import Services
from backend.features.steps import Assigner, embed_batch, open_active_space
from backend.files.storage import Storage, StoredObject, original_key, sha256_of_key, thumbnail_keys
from backend.files.storage.keys import thumbnail_key
from backend.files.text import MediaText
from backend.store.media import get_media, record_original_missing

OLD = time.time() - 2 * 3600


def fill(services: Services, make_jpeg: Callable[..., bytes], count: int = 6) -> list[uuid.UUID]:
    space = open_active_space(services)
    ids = [accept_picture(services, make_jpeg(seed // 2, quality=60 + seed), MediaText(), source="t").media_id
           for seed in range(count)]  # fmt: skip
    while embed_batch(services, space):
        pass
    while Assigner(services, space).assign_waiting():
        pass
    return ids


def keys_of(services: Services, media_id: uuid.UUID) -> list[str]:
    with services.database.transaction() as session:
        media = get_media(session, media_id)
        assert media.sha256
        assert media.original_key
        return [media.original_key, *thumbnail_keys(media.sha256)]


def age(services: Services, *keys: str) -> None:
    for key in keys:
        path = services.storage.local_path(key)
        assert path
        os.utime(path, (OLD, OLD))


def all_files(services: Services) -> set[str]:
    return set(services.storage.list_keys())


def execute(services: Services, statement: str, **values: object) -> Any:
    with services.database.transaction() as session:
        return session.execute(sa.text(statement), values)


def test_repair__a_whole_library_is_left_alone(services: Services, make_jpeg: Callable[..., bytes]) -> None:
    fill(services, make_jpeg)
    before = all_files(services)
    for key in before:
        age(services, key)
    report = repair(services)
    assert (report.files, report.rows) == (18, 6)
    assert (report.orphans, report.leftovers, report.thumbnails, report.missing_originals) == (0, 0, 0, 0)
    assert (report.centroids, report.empty_clusters, report.unmended) == (0, 0, 0)
    assert all_files(services) == before


def test_repair__thumbnails_of_an_earlier_version_are_kept(
    services: Services, make_jpeg: Callable[..., bytes], tmp_path: Path
) -> None:
    """The large one was WebP once. It is neither missing nor an orphan, is backed up, and goes with its media."""
    [media_id] = fill(services, make_jpeg, 1)
    _, small, large = keys_of(services, media_id)
    former = large.replace(".jpg", ".webp")
    services.storage.write(former, services.storage.read(small))
    services.storage.delete(large)
    age(services, former)

    report = repair(services)
    assert (report.orphans, report.thumbnails, report.unmended) == (0, 0, 0)

    back_up(services.database, services.storage, tmp_path / "backup", thumbnails=True)
    assert (tmp_path / "backup" / former).read_bytes() == services.storage.read(former)

    delete_media(services, [media_id], actor="ada")
    assert not all_files(services)


def test_repair__files_that_no_media_has(services: Services, make_jpeg: Callable[..., bytes]) -> None:
    fill(services, make_jpeg, 2)
    kept = all_files(services)
    old, young, foreign = (os.urandom(32) for _ in range(3))
    orphans = [original_key(old, "jpg"), *thumbnail_keys(old), thumbnail_key(old, "large", "webp")]
    others = [original_key(young, "png"), f"originals/{foreign.hex()[:2]}/notes.txt"]
    for key in orphans + others:
        services.storage.write(key, b"x")
    age(services, *orphans, others[1])

    dry = repair(services, dry_run=True)
    assert (dry.orphans, set(dry.orphan_keys)) == (4, set(orphans))
    assert all_files(services) == kept | {*orphans, *others}

    assert repair(services).orphans == 4
    assert all_files(services) == kept | set(others)


def test_repair__unfinished_writes(services: Services) -> None:
    services.storage.write("originals/ab/x.jpg", b"x")
    folder = (services.storage.local_path("originals/ab/x.jpg") or Path()).parent
    old, young = (folder / f".{uuid.uuid4().hex}.tmp" for _ in range(2))
    other = folder / ".keep"
    for path in (old, young, other):
        path.write_bytes(b"half")
    os.utime(old, (OLD, OLD))
    os.utime(other, (OLD, OLD))
    assert repair(services, dry_run=True).leftovers == 1
    assert old.exists()
    assert repair(services).leftovers == 1
    assert [path.exists() for path in (old, young, other)] == [False, True, True]


def test_repair__thumbnails_are_made_anew(services: Services, make_jpeg: Callable[..., bytes]) -> None:
    first, second, _ = fill(services, make_jpeg, 3)
    lost = [keys_of(services, first)[1], *keys_of(services, second)[1:]]
    before = {key: services.storage.read(key) for key in lost}
    for key in lost:
        services.storage.delete(key)
    assert repair(services, dry_run=True).thumbnails == 2
    assert not any(services.storage.exists(key) for key in lost)
    assert repair(services).thumbnails == 2
    assert {key: services.storage.read(key) for key in lost} == before


def test_repair__a_damaged_original_is_told(services: Services, make_jpeg: Callable[..., bytes]) -> None:
    (media_id,) = fill(services, make_jpeg, 1)
    original, small, _ = keys_of(services, media_id)
    services.storage.write(original, make_jpeg(77))
    services.storage.delete(small)
    report = repair(services)
    assert (report.thumbnails, report.damaged_media_ids, report.unmended) == (0, [media_id], 1)
    assert not services.storage.exists(small)


def test_repair__lost_originals(services: Services, make_jpeg: Callable[..., bytes]) -> None:
    """Reported at first; given up when asked for; and they come back from a backup as if nothing had been."""
    ids = fill(services, make_jpeg)
    pending = accept_picture(services, make_jpeg(50), MediaText(), source="t").media_id
    lost = [ids[0], ids[1], pending]
    saved = {key: services.storage.read(key) for one in lost for key in keys_of(services, one)[:1]}
    for key in saved:
        services.storage.delete(key)

    report = repair(services)
    assert (report.missing_originals, report.failed, report.unmended) == (3, 0, 3)
    assert set(report.missing_media_ids) == set(lost)
    assert execute(services, "SELECT count(*) FROM media WHERE status = 'failed'").scalar_one() == 0
    assert repair(services, dry_run=True, fail_missing=True).failed == 3
    assert execute(services, "SELECT count(*) FROM media WHERE status = 'failed'").scalar_one() == 0

    report = repair(services, fail_missing=True)

    assert (report.failed, report.unmended) == (3, 0)
    rows = execute(services, "SELECT id, error_code FROM media WHERE status = 'failed'").all()
    assert {row.id for row in rows} == set(lost)
    assert {row.error_code for row in rows} == {"original_missing"}
    assert audit(services.database).breaches == {}
    assert repair(services).missing_originals == 0  # known by now

    for key, data in saved.items():
        services.storage.write(key, data)
    retry_media(services, lost, actor="test")
    space = open_active_space(services)
    while embed_batch(services, space):
        pass
    while Assigner(services, space).assign_waiting():
        pass
    assert execute(services, "SELECT count(*) FROM media WHERE status = 'ready'").scalar_one() == 7
    assert audit(services.database).breaches == {}


def test_repair__lost_originals_of_what_has_failed_already(services: Services, make_jpeg: Callable[..., bytes]) -> None:
    """It is given up as the others are, but for what was set aside, which keeps its vectors; then nobody complains."""
    ids = fill(services, make_jpeg)
    aside, poison, lost = ids[:3]
    execute(services, f"DELETE FROM membership WHERE media_id IN ('{aside}', '{poison}')")
    execute(services, f"UPDATE media SET status = 'failed', error_code = 'not_in_space' WHERE id = '{aside}'")
    execute(services, f"UPDATE media SET status = 'failed', error_code = 'quarantined' WHERE id = '{poison}'")
    for one in ids[:3]:
        services.storage.delete(keys_of(services, one)[0])
    assert set(back_up(services.database, services.storage, services.settings.home / "b").missing) == {
        keys_of(services, one)[0] for one in (poison, lost)
    }

    report = repair(services, fail_missing=True)

    assert (set(report.missing_media_ids), report.unmended) == ({poison, lost}, 0)
    rows = execute(services, "SELECT id, error_code FROM media WHERE status = 'failed'").all()
    assert {row.id: row.error_code for row in rows} == {
        aside: "not_in_space",
        poison: "original_missing",
        lost: "original_missing",
    }
    kept = execute(services, f"SELECT count(*) FROM embedding WHERE media_id = '{aside}'").scalar_one()
    assert kept == 1
    assert repair(services).missing_originals == 0
    assert back_up(services.database, services.storage, services.settings.home / "b").is_whole
    # Also where somebody else was faster.
    with services.database.transaction() as session:
        assert record_original_missing(session, [aside], "lost") == []
    assert execute(services, f"SELECT count(*) FROM embedding WHERE media_id = '{aside}'").scalar_one() == 1


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE centroid SET member_count = member_count + 3",
        "UPDATE centroid SET embedding_sum = array_prepend(embedding_sum[1] + 9, embedding_sum[2:])",
        "DELETE FROM centroid",
        "INSERT INTO cluster (label) VALUES (''), ('')",
    ],
)
def test_repair__centroids(services: Services, make_jpeg: Callable[..., bytes], damage: str) -> None:
    fill(services, make_jpeg)
    query = "SELECT cluster_id, member_count, embedding_sum, centroid::text FROM centroid ORDER BY cluster_id"
    before = [tuple(row) for row in execute(services, query)]
    version = execute(services, "SELECT centroid_version FROM space").scalar_one()
    execute(services, damage)
    assert audit(services.database).breaches
    assert repair(services, dry_run=True).centroids + repair(services, dry_run=True).empty_clusters > 0
    assert audit(services.database).breaches
    repair(services)
    assert audit(services.database, replay=True).breaches == {}
    assert [tuple(row) for row in execute(services, query)] == before
    assert execute(services, "SELECT centroid_version FROM space").scalar_one() > version


def test_sha256_of_key__only_what_is_named_as_we_do() -> None:
    sha256 = os.urandom(32)
    digits = sha256.hex()
    assert sha256_of_key(original_key(sha256, "jpg")) == sha256
    assert sha256_of_key(thumbnail_key(sha256, "small", "webp")) == sha256
    for key in (f"originals/{digits}.jpg", f"originals/zz/zz/{digits}.jpg", f"originals/ab/cd/{digits[:-2]}.jpg"):
        assert sha256_of_key(key) is None


def test_repair__objects_in_s3(
    make_services: Callable[..., Services], make_jpeg: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        options = {"key": "t", "secret": "t", "endpoint_url": f"http://{host}:{port}",
                   "client_kwargs": {"region_name": "us-east-1"}}  # fmt: skip
        client = boto3.client("s3", endpoint_url=options["endpoint_url"], region_name="us-east-1",
                              aws_access_key_id="t", aws_secret_access_key="t")  # fmt: skip
        client.create_bucket(Bucket="library")
        check_objects(make_services(storage_url="s3://library/media", storage_options=options), make_jpeg, monkeypatch)
    finally:
        server.stop()


def test_repair__objects_in_memory(
    make_services: Callable[..., Services], make_jpeg: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    check_objects(make_services(storage_url=f"memory://{uuid.uuid4().hex}"), make_jpeg, monkeypatch)


def check_objects(services: Services, make_jpeg: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = fill(services, make_jpeg, 2)
    orphan = original_key(os.urandom(32), "jpg")
    services.storage.write(orphan, b"x")
    services.storage.delete(keys_of(services, first)[1])
    services.storage.delete(keys_of(services, second)[0])
    young = repair(services)
    assert (young.orphans, young.thumbnails, young.missing_media_ids) == (0, 1, [second])
    real, listed = Storage.list_objects, []

    def list_aged(own: Storage, prefix: str) -> Iterator[StoredObject]:
        listed.append(prefix)
        return (StoredObject(one.key, one.modified_at - 7200) for one in real(own, prefix))

    monkeypatch.setattr(Storage, "list_objects", list_aged)
    there = {"/".join(key.split("/")[:-2]) for key in services.storage.list_keys()}
    assert repair(services).orphans == 1
    # Each listing is a request, and there could be 768. In memory, folders stay when they are empty.
    assert there <= set(listed)
    assert len(listed) <= len(there) + 1
    assert not services.storage.exists(orphan)
    assert services.storage.exists(keys_of(services, first)[1])
