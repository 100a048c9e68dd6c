"""A full or read-only disk: a clear error, no row, no half-written file, and work goes on once there is room."""

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from starlette.formparsers import MultiPartParser

from backend.errors import BackendUnavailable, StorageFull
from backend.features.intake import accept_picture
from backend.features.services import Services
from backend.features.steps import embed_batch, open_active_space
from backend.files.text import MediaText
from backend.store.engine import Database
from backend.web.api.app import create_app


@contextmanager
def mounted(folder: Path, size: str = "256k") -> Iterator[Path]:
    """A real file system of that size."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    folder.mkdir(parents=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def rows(services: Services) -> list[str]:
    with services.database.transaction() as session:
        return list(session.execute(sa.text("SELECT status FROM media ORDER BY upload_seq")).scalars())


def files(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


def test_upload__full_disk(
    make_services: Callable[..., Services], make_jpeg: Callable[..., bytes], tmp_path: Path
) -> None:
    with mounted(tmp_path / "disk") as disk:
        services = make_services(storage_url=disk.as_uri())
        client = TestClient(create_app(services))
        large = make_jpeg(1, 2000, 1500, quality=100)
        assert len(large) > 256 * 1024

        answer = client.post("/media", files={"file": ("a.jpg", large)}, headers={"Idempotency-Key": "k"})

        assert (answer.status_code, answer.json()["code"]) == (507, "storage_full")
        assert rows(services) == []
        assert files(disk) == []
        small = client.post("/media", files={"file": ("b.jpg", make_jpeg(2))})
        assert (small.status_code, rows(services)) == (202, ["pending"])


def test_embed_batch__full_disk_is_waited_for(
    make_services: Callable[..., Services], make_jpeg: Callable[..., bytes], tmp_path: Path
) -> None:
    with mounted(tmp_path / "disk") as disk:
        services = make_services(storage_url=disk.as_uri())
        space = open_active_space(services)
        accept_picture(services, make_jpeg(1), MediaText(), source="t")
        before = files(disk)
        filler = disk / "filler"
        with pytest.raises(OSError, match="No space"), filler.open("wb") as file:
            while True:
                file.write(b"x" * 4096)
                file.flush()
        for _ in range(4):
            with pytest.raises(StorageFull):
                embed_batch(services, space)
            with services.database.transaction() as session:
                session.execute(sa.text("UPDATE media SET next_attempt_at = now()"))
        with services.database.transaction() as session:
            assert tuple(session.execute(sa.text("SELECT status, attempts FROM media")).one()) == ("pending", 0)
        filler.unlink()
        assert files(disk) == before
        assert embed_batch(services, space) == 1
        assert rows(services) == ["embedded"]


def test_upload__read_only_disk(
    make_services: Callable[..., Services], make_jpeg: Callable[..., bytes], tmp_path: Path
) -> None:
    with mounted(tmp_path / "disk") as disk:
        services = make_services(storage_url=disk.as_uri())
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        answer = TestClient(create_app(services)).post("/media", files={"file": ("a.jpg", make_jpeg(1))})
        assert (answer.status_code, answer.json()["code"]) == (503, "backend_unavailable")
        assert int(answer.headers["retry-after"]) > 0
        assert "Read-only" in answer.json()["detail"]
        assert rows(services) == []


def test_upload__no_room_for_temporary_files(
    services: Services, make_jpeg: Callable[..., bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mounted(tmp_path / "disk") as disk:
        monkeypatch.setattr(tempfile, "tempdir", str(disk))
        client = TestClient(create_app(services))
        large = make_jpeg(1) + bytes(MultiPartParser.spool_max_size)  # from there on uploads are put aside on disk
        answer = client.post("/media", files={"file": ("a.jpg", large)})
    assert (answer.status_code, answer.json()["code"]) == (507, "storage_full")
    assert rows(services) == []


def test_transaction__full_disk_of_the_database(database: Database) -> None:
    """Postgres's own error, raised by itself: filling its disk would stop the other tests too."""
    with pytest.raises(StorageFull), database.transaction() as session:
        session.execute(sa.text("DO $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$"))
    with pytest.raises(BackendUnavailable), database.transaction() as session:
        session.execute(sa.text("DO $$ BEGIN RAISE EXCEPTION 'going down' USING ERRCODE = '57P01'; END $$"))
    assert issubclass(psycopg.errors.DiskFull, psycopg.OperationalError)
