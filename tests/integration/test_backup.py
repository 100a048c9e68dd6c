"""A library comes back from its backup as it was: rows, vectors, groups, answers and bytes."""

import hashlib
import json
import os
import shutil
import stat
import subprocess
import tarfile
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from backend.bootstrap import build_services
from backend.embedded import stop_servers
from backend.encoders import default_threshold
from backend.errors import BackupDamaged, ConfigurationError, Conflict, FileUnreadable, OriginalMissing, StorageFull
from backend.features.access import create_account
from backend.features.backup import back_up, check_backup, restore, saving
from backend.features.backup import restoration as restoring
from backend.features.backup.archives import FolderTarget
from backend.features.backup.tools import find_tool, run_tool
from backend.features.consolidation import apply_threshold
from backend.features.editing import apply_alpha, delete_media
from backend.features.intake import accept_picture
from backend.features.integrity import audit
from backend.features.model_change import activate, choose_names, compare, list_standing, make_space, rollback
from backend.features.model_change import fills as filling
from backend.features.review import judge, keep, list_said
from backend.features.services import Services
from backend.features.steps import Assigner, embed_batch, fill_batch, open_active_space
from backend.files.storage import Storage
from backend.files.text import MediaText
from backend.settings import load_settings
from backend.store.engine import Database
from backend.store.migrate import upgrade
from backend.store.review import QueryKind
from backend.store.schema import Base
from backend.store.spaces import get_active_space, get_alpha, get_threshold
from scripts.demo_spaces import write_narrow_model
from tests.support.command_line import run_command

TABLES = ("media", "space", "embedding", "cluster", "centroid", "membership", "media_embedding")


def fill(services: Services, make_jpeg: Callable[..., bytes], first: int = 0, count: int = 6) -> list[uuid.UUID]:
    space = open_active_space(services)
    ids = [
        accept_picture(
            services, make_jpeg(seed // 2, quality=60 + seed), MediaText(title=f"boat {seed}"), source="t"
        ).media_id
        for seed in range(first, first + count)
    ]
    while embed_batch(services, space):
        pass
    while Assigner(services, space).assign_waiting():
        pass
    return ids


def content(database: Database, tables: Sequence[str] = TABLES) -> dict[str, list[str]]:
    """Every row of every table that matters, as text."""
    with database.transaction() as session:
        return {
            table: sorted(session.execute(sa.text(f"SELECT t::text FROM {table} AS t")).scalars()) for table in tables
        }


def list_of(place: Path) -> Path:
    """The list of files with their checksums; there is one."""
    (path,) = place.glob("SHA256SUMS*")
    return path


def answers(database: Database, ids: list[uuid.UUID]) -> list[Any]:
    with database.transaction() as session:
        return [
            tuple(row)
            for media_id in ids
            for row in session.execute(sa.text("SELECT * FROM similar_media(:id, 5, 0.6)"), {"id": media_id})
        ]


def originals(storage: Storage) -> dict[str, bytes]:
    return {key: storage.read(key) for key in storage.list_keys("originals")}


@pytest.fixture
def target(empty_database_url: str, tmp_path: Path) -> Iterator[tuple[Database, Storage]]:
    """An empty database and an empty storage."""
    database = Database(empty_database_url)
    yield database, Storage.open((tmp_path / "restored").as_uri())
    database.dispose()


@pytest.mark.parametrize("name", ["backup", "backup.tar"])
def test_backup__and_restore(
    services: Services,
    target: tuple[Database, Storage],
    make_jpeg: Callable[..., bytes],
    tmp_path: Path,
    name: str,
) -> None:
    ids = fill(services, make_jpeg)
    saved = back_up(services.database, services.storage, tmp_path / name)
    assert (saved.copied, saved.kept, saved.is_whole, saved.rows["media"]) == (6, 0, True, 6)
    assert check_backup(tmp_path / name).is_whole

    report = restore(*target, tmp_path / name)

    assert (report.files, report.is_whole) == (7, True)
    database, storage = target
    assert content(database) == content(services.database)
    assert answers(database, ids) == answers(services.database, ids) != []
    assert originals(storage) == originals(services.storage)
    assert audit(database, replay=True).breaches == {}
    # And work goes on: sequences have come along.
    again = replace(services, database=database, storage=storage)
    fill(again, make_jpeg, first=20, count=2)
    assert audit(database, replay=True).breaches == {}


def test_backup__only_what_is_new_is_copied(
    services: Services, target: tuple[Database, Storage], make_jpeg: Callable[..., bytes], tmp_path: Path
) -> None:
    place = tmp_path / "backup"
    ids = fill(services, make_jpeg)
    back_up(services.database, services.storage, place)
    fill(services, make_jpeg, first=10, count=2)
    delete_media(services, ids[:1], actor="t")
    spoiled = next((place / "originals").rglob("*.jpg"))
    spoiled.write_bytes(b"bit rot")

    second = back_up(services.database, services.storage, place)

    assert second.copied in {2, 3}  # 2 where the spoiled one is that of the deleted
    assert second.copied + second.kept == 7
    assert len(list(place.glob("database-*.dump"))) == 1
    files = {path.name for path in (place / "originals").rglob("*.jpg")}
    assert len(files) == 8
    assert back_up(services.database, services.storage, place, prune=True).pruned == 1
    assert restore(*target, place).is_whole
    assert content(target[0]) == content(services.database)


def test_backup__checksums_are_those_of_sha256sum(
    services: Services, make_jpeg: Callable[..., bytes], tmp_path: Path
) -> None:
    fill(services, make_jpeg, count=3)
    back_up(services.database, services.storage, tmp_path / "b", thumbnails=True)
    ran = subprocess.run(
        ["sha256sum", "--check", "--strict", list_of(tmp_path / "b").name],
        cwd=tmp_path / "b",
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert len(ran.stdout.splitlines()) == 1 + 3 * 3
    manifest = json.loads((tmp_path / "b" / "manifest.json").read_text())
    assert manifest["files"] == 10
    assert manifest["sums_sha256"] == hashlib.sha256(list_of(tmp_path / "b").read_bytes()).hexdigest()


def test_backup__of_a_library_in_use(
    services: Services,
    target: tuple[Database, Storage],
    make_jpeg: Callable[..., bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is uploaded and deleted between dump and copy is not in it, or is said to be gone."""
    ids = fill(services, make_jpeg)
    moment = content(services.database)
    dump = saving._dump

    def dump_and_go_on(*arguments: Any) -> Any:
        snapshot = dump(*arguments)
        delete_media(services, ids[:2], actor="t")
        fill(services, make_jpeg, first=30, count=2)
        return snapshot

    monkeypatch.setattr(saving, "_dump", dump_and_go_on)
    report = back_up(services.database, services.storage, tmp_path / "b")
    assert (report.copied, report.deleted, report.missing, report.is_whole) == (4, 2, [], True)
    restore(*target, tmp_path / "b")
    assert content(target[0]) == moment


def test_backup__dump_and_list_are_of_one_moment(
    services: Services, make_jpeg: Callable[..., bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    target: tuple[Database, Storage],
) -> None:  # fmt: skip
    fill(services, make_jpeg, count=2)
    run = run_tool

    def upload_and_run(*arguments: Any) -> None:
        fill(services, make_jpeg, first=40, count=2)
        run(*arguments)
        fill(services, make_jpeg, first=50, count=2)

    monkeypatch.setattr(saving, "run_tool", upload_and_run)
    report = back_up(services.database, services.storage, tmp_path / "b")
    assert (report.copied, report.rows["media"]) == (2, 2)
    restore(*target, tmp_path / "b")
    with target[0].transaction() as session:
        assert session.execute(sa.text("SELECT count(*) FROM media")).scalar_one() == 2


def test_backup__lost_and_damaged_originals_are_told(
    services: Services, target: tuple[Database, Storage], make_jpeg: Callable[..., bytes], tmp_path: Path
) -> None:
    fill(services, make_jpeg, count=4)
    first, second, *_ = originals(services.storage)
    services.storage.delete(first)
    services.storage.write(second, b"bit rot")
    report = back_up(services.database, services.storage, tmp_path / "b")
    assert (report.missing, report.damaged, report.is_whole, report.copied) == ([first], [second], False, 2)
    restored = restore(*target, tmp_path / "b")
    assert (sorted(restored.missing), restored.is_whole) == ([first, second], False)


def test_restore__damage_is_found(
    services: Services, target: tuple[Database, Storage], make_jpeg: Callable[..., bytes], tmp_path: Path
) -> None:
    place = tmp_path / "b"
    fill(services, make_jpeg, count=2)
    back_up(services.database, services.storage, place)
    one = next((place / "originals").rglob("*.jpg"))
    whole = one.read_bytes()
    one.write_bytes(whole[:-1] + b"\0")
    assert check_backup(place).damaged == [one.relative_to(place).as_posix()]
    one.unlink()
    assert check_backup(place).damaged == [one.relative_to(place).as_posix()]
    one.write_bytes(whole)
    for name in (list_of(place).name, next(place.glob("*.dump")).name, "manifest.json"):
        before = (place / name).read_bytes()
        (place / name).write_bytes(before[: len(before) // 2])
        with pytest.raises(BackupDamaged):
            restore(*target, place)
        (place / name).write_bytes(before)
    assert not list(target[1].list_keys())
    assert restore(*target, place).is_whole


def test_restore__over_files_that_are_there_already(
    services: Services, target: tuple[Database, Storage], make_jpeg: Callable[..., bytes], tmp_path: Path
) -> None:
    """Of an interrupted run, or of somebody else: what is as it was saved stays, the rest is replaced."""
    fill(services, make_jpeg, count=3)
    back_up(services.database, services.storage, tmp_path / "b")
    first, second, _third = services.storage.list_keys("originals")
    target[1].write(first, services.storage.read(first))
    target[1].write(second, b"something else")
    assert restore(*target, tmp_path / "b").is_whole
    assert originals(target[1]) == originals(services.storage)


@pytest.mark.parametrize("name", ["backup", "backup.tar"])
def test_backup__the_database_is_for_the_owner_alone(services: Services, tmp_path: Path, name: str) -> None:
    """It holds hashes of keys and passwords, and the secrets of webhooks, wherever it is put."""
    open_active_space(services)
    old = os.umask(0)
    try:
        back_up(services.database, services.storage, tmp_path / name)
    finally:
        os.umask(old)
    place = tmp_path / name
    for path in [place] if place.is_file() else place.glob("*.dump"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_restore__into_what_is_not_empty(services: Services, make_jpeg: Callable[..., bytes], tmp_path: Path) -> None:
    fill(services, make_jpeg, count=1)
    back_up(services.database, services.storage, tmp_path / "b")
    before = content(services.database)
    with pytest.raises(Conflict, match="not empty"):
        restore(services.database, services.storage, tmp_path / "b")
    assert content(services.database) == before


@pytest.mark.parametrize("is_newer", [False, True])
def test_restore__into_a_schema_that_was_never_used(
    services: Services,
    target: tuple[Database, Storage],
    make_jpeg: Callable[..., bytes],
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    is_newer: bool,
) -> None:
    """As `mediacluster db migrate` leaves it, of this version or another, with the accounts that a new server has."""
    ids = fill(services, make_jpeg)
    back_up(services.database, services.storage, tmp_path / "b")
    if is_newer:
        request.getfixturevalue("next_revision")
    upgrade(target[0].engine)
    monkeypatch.undo()
    create_account(target[0], "new", "admin", "correct horse battery", actor="t")
    if not is_newer:
        open_active_space(replace(services, database=target[0]))

    assert restore(*target, tmp_path / "b").is_whole

    assert content(target[0], EVERYTHING) == content(services.database, EVERYTHING)
    assert answers(target[0], ids) == answers(services.database, ids) != []
    assert audit(target[0], replay=True).breaches == {}


def test_restore__into_a_schema_with_one_picture(
    services: Services, target: tuple[Database, Storage], make_jpeg: Callable[..., bytes], tmp_path: Path
) -> None:
    open_active_space(services)
    back_up(services.database, services.storage, tmp_path / "b")
    upgrade(target[0].engine)
    accept_picture(replace(services, database=target[0]), make_jpeg(1), MediaText(), source="t", ring=False)
    with pytest.raises(Conflict, match=r"not empty \(media\)"):
        restore(*target, tmp_path / "b")
    assert len(content(target[0], ("media",))["media"]) == 1


def test_restore__a_picture_that_comes_meanwhile(
    services: Services,
    target: tuple[Database, Storage],
    make_jpeg: Callable[..., bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between the first look and the end of the schema."""
    open_active_space(services)
    back_up(services.database, services.storage, tmp_path / "b")
    upgrade(target[0].engine)
    each_file = restoring._each_file

    def upload_and_copy(*arguments: Any) -> None:
        accept_picture(replace(services, database=target[0]), make_jpeg(1), MediaText(), source="t", ring=False)
        each_file(*arguments)

    monkeypatch.setattr(restoring, "_each_file", upload_and_copy)
    with pytest.raises(Conflict, match="not empty"):
        restore(*target, tmp_path / "b")
    assert len(content(target[0], ("media",))["media"]) == 1


def test_restore__beside_tables_of_something_else(
    services: Services, target: tuple[Database, Storage], tmp_path: Path
) -> None:
    open_active_space(services)
    back_up(services.database, services.storage, tmp_path / "b")
    upgrade(target[0].engine)
    with target[0].transaction() as session:
        session.execute(sa.text("CREATE TABLE invoice (id int)"))
    with pytest.raises(Conflict, match=r"not empty \(invoice\)"):
        restore(*target, tmp_path / "b")


def test_restore__of_a_newer_version(services: Services, target: tuple[Database, Storage], tmp_path: Path) -> None:
    open_active_space(services)
    back_up(services.database, services.storage, tmp_path / "b")
    path = tmp_path / "b" / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_revision": "9999"}))
    with pytest.raises(ConfigurationError, match="does not know"):
        restore(*target, tmp_path / "b")


def test_restore__a_list_that_leads_outside(
    services: Services, target: tuple[Database, Storage], tmp_path: Path
) -> None:
    open_active_space(services)
    back_up(services.database, services.storage, tmp_path / "b")
    sums, manifest = list_of(tmp_path / "b"), tmp_path / "b" / "manifest.json"
    sums.write_text(sums.read_text() + f"{'0' * 64}  ../../etc/passwd\n")
    digest = hashlib.sha256(sums.read_bytes()).hexdigest()
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"sums_sha256": digest}))
    with pytest.raises(BackupDamaged, match="passwd"):
        restore(*target, tmp_path / "b")


def test_backup__no_room(services: Services, make_jpeg: Callable[..., bytes], tmp_path: Path) -> None:
    """On a file system of 1 MB: refused with its code, and the backup before is as it was."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    place = tmp_path / "small"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        fill(services, make_jpeg, count=2)
        back_up(services.database, services.storage, place)
        manifest = (place / "manifest.json").read_bytes()
        accept_picture(services, make_jpeg(99, 3000, 2000, quality=100), MediaText(), source="t")
        (place / "originals" / "filler").write_bytes(b"x" * 500_000)
        with pytest.raises(StorageFull):
            back_up(services.database, services.storage, place)
        assert (place / "manifest.json").read_bytes() == manifest
        assert check_backup(place).is_whole
        (place / "originals" / "filler").unlink()
    finally:
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("name", ["photos", "b.tar"])
def test_backup__killed_in_the_middle_is_none(
    services: Services, make_jpeg: Callable[..., bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    fill(services, make_jpeg, count=2)
    real = services.storage.read

    def die(key: str) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(services.storage, "read", die)
    with pytest.raises(KeyboardInterrupt):
        back_up(services.database, services.storage, tmp_path / name)
    with pytest.raises((BackupDamaged, FileUnreadable)):
        check_backup(tmp_path / name)
    monkeypatch.setattr(services.storage, "read", real)
    assert back_up(services.database, services.storage, tmp_path / name).is_whole
    assert check_backup(tmp_path / name).is_whole


@pytest.mark.parametrize("dies_at", ["SHA256SUMS", "manifest.json"])
def test_backup__interrupted_leaves_the_one_before(
    services: Services,
    target: tuple[Database, Storage],
    make_jpeg: Callable[..., bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    dies_at: str,
) -> None:
    place = tmp_path / "b"
    ids = fill(services, make_jpeg, count=2)
    back_up(services.database, services.storage, place)
    before = content(services.database)
    delete_media(services, ids[:1], actor="t")
    fill(services, make_jpeg, first=10, count=2)

    with monkeypatch.context() as patch:
        for way in ("put", "put_file"):
            patch.setattr(FolderTarget, way, dying_at(dies_at, getattr(FolderTarget, way)))
        for _run in range(2):
            with pytest.raises(KeyboardInterrupt):
                back_up(services.database, services.storage, place)
            assert check_backup(place).is_whole

    assert restore(*target, place).is_whole
    assert content(target[0]) == before
    # And the next one leaves nothing behind of those that were interrupted.
    assert back_up(services.database, services.storage, place).is_whole
    assert check_backup(place).rows["media"] == 3
    assert len(list(place.glob("*.dump"))) == len(list(place.glob("SHA256SUMS*"))) == 1


def dying_at(name: str, step: Callable[..., None]) -> Callable[..., None]:
    def die_or(self: FolderTarget, own: str, *arguments: Any) -> None:
        if own.startswith(name):
            raise KeyboardInterrupt
        step(self, own, *arguments)

    return die_or


def test_backup__of_the_format_before(services: Services, make_jpeg: Callable[..., bytes], tmp_path: Path) -> None:
    """Its list has the same name in every run."""
    fill(services, make_jpeg, count=2)
    place = tmp_path / "b"
    back_up(services.database, services.storage, place)
    list_of(place).rename(place / "SHA256SUMS")
    manifest = json.loads((place / "manifest.json").read_text())
    del manifest["sums"]
    (place / "manifest.json").write_text(json.dumps(manifest | {"format": 1}))

    assert check_backup(place).is_whole
    assert back_up(services.database, services.storage, place).kept == 2
    assert check_backup(place).is_whole
    assert list_of(place).name != "SHA256SUMS"


def test_backup__a_folder_of_something_else(services: Services, tmp_path: Path) -> None:
    open_active_space(services)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(FileUnreadable, match="other files"):
        back_up(services.database, services.storage, tmp_path / "photos")
    for nothing in (tmp_path / "none", tmp_path / "photos" / "holiday.jpg"):
        with pytest.raises((FileUnreadable, BackupDamaged)):
            check_backup(nothing)


def test_backup__tar_is_an_ordinary_one(services: Services, make_jpeg: Callable[..., bytes], tmp_path: Path) -> None:
    fill(services, make_jpeg, count=2)
    back_up(services.database, services.storage, tmp_path / "b.tar")
    with tarfile.open(tmp_path / "b.tar") as tar:
        names = tar.getnames()
    assert names[-1] == "manifest.json"
    assert names[-2].startswith("SHA256SUMS-")
    assert [path.name for path in tmp_path.iterdir() if "b.tar" in path.name] == ["b.tar"]


def test_find_tool__too_old_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_tool("pg_dump", 18).name == "pg_dump"
    with pytest.raises(ConfigurationError, match="of Postgres 99 or newer") as caught:
        find_tool("pg_dump", 99)
    assert "is of version 18" in str(caught.value)
    old = tmp_path / "pg_dump"
    old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 12.3'\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    def none() -> Path:
        raise ConfigurationError("not installed")

    monkeypatch.setattr("backend.features.backup.tools.binaries", none)
    with pytest.raises(ConfigurationError, match="is of version 12"):
        find_tool("pg_dump", 18)
    assert find_tool("pg_dump", 12) == old


def test_run_tool__passwords_are_not_in_the_list_of_processes(tmp_path: Path) -> None:

    seen = tmp_path / "seen"
    tool = tmp_path / "tool"
    tool.write_text(
        f'#!/bin/sh\necho "$@" > {seen}\nfor a in $5; do case $a in passfile=*) cat "${{a#passfile=}}" >> {seen};; esac; done\n'
    )
    tool.chmod(0o755)
    run_tool(tool, "postgresql+psycopg://user:s3:cret@host:5433/db", ["-x", "-y"])
    arguments = seen.read_text().splitlines()[0]
    assert "s3:cret" not in arguments
    assert "host=host" in arguments
    assert "port=5433" in arguments


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty home, whose servers the commands start."""
    folder = Path(tempfile.mkdtemp(prefix="mediacluster-restore-"))
    folder.chmod(0o755)
    yield folder
    stop_servers(folder)
    shutil.rmtree(folder, ignore_errors=True)


def open_home(home: Path) -> Services:
    """Services over the servers of a home. Not by a copy of other settings: that would keep their home."""
    return build_services(
        load_settings(_env_file=None, home=home, preset="demo", authentication="none", redis_url="redis://x")
    )


def run(home: Path, *arguments: str, **environ: str) -> Any:
    own = {name: value for name, value in os.environ.items() if not name.startswith("MEDIACLUSTER_")}
    ran = run_command(*arguments, "--json", environment=own | {"MEDIACLUSTER_HOME": str(home)} | environ, folder=home)
    assert ran.returncode == 0, ran.stderr + ran.stdout
    return json.loads(ran.stdout)


def test_commands__into_an_empty_home(
    services: Services, make_jpeg: Callable[..., bytes], home: Path, tmp_path: Path
) -> None:
    """Backed up from a server, restored by the command into a home with servers of its own, repaired and searched."""
    ids = fill(services, make_jpeg)
    url = services.settings.database_url
    assert url
    environ = {"DATABASE_URL": url.get_secret_value()}
    saved = run(services.settings.home, "backup", str(tmp_path / "b"), **environ)
    assert (saved["whole"], saved["copied"]) == (True, 6)
    assert run(home, "restore", str(tmp_path / "b"), "--check")["good"] is True

    restored = run(home, "restore", str(tmp_path / "b"))

    assert (restored["good"], restored["rows"]["media"], restored["audit"]["breaches"]) == (True, 6, {})
    repaired = run(home, "repair")
    assert (repaired["thumbnails"], repaired["orphans"], repaired["unmended"]) == (6, 0, 0)
    assert run(home, "audit", "--replay")["clean"] is True
    run(home, "export", str(tmp_path / "library.jsonl"))
    acts = [entry["act"] for entry in run(home, "audit-log")["entries"]]
    assert acts == ["library.exported", "library.repaired", "library.restored"]
    kept = run(services.settings.home, "audit-log", **environ)["entries"]
    assert [(entry["act"], entry["subject"]) for entry in kept] == [("library.backed_up", str(tmp_path / "b"))]
    found = run(home, "similar", str(ids[0]), "-k", "5")["results"]
    assert found == run(services.settings.home, "similar", str(ids[0]), "-k", "5", **environ)["results"] != []
    own = open_home(home)
    try:
        original = own.storage.local_path(next(own.storage.list_keys("originals")))
        assert original is not None
        assert original.is_relative_to(home)
        assert set(own.storage.list_keys()) == set(services.storage.list_keys())
        with pytest.raises(OriginalMissing):
            own.storage.read("originals/none")
    finally:
        own.database.dispose()


EVERYTHING = (*sorted(Base.metadata.tables), "media_embedding")


def settle(services: Services) -> None:
    """Embed into the active space what waits, and give it a group."""
    with services.database.transaction() as session:
        space = get_active_space(session)
    while embed_batch(services, space):
        pass
    while Assigner(services, space).assign_waiting():
        pass


def standing(services: Services) -> dict[str, tuple[str, int, int]]:
    """State, media with vectors, and media that wait, of each space."""
    with services.database.transaction() as session:
        return {one.name: (one.state, one.counts.embedded, one.counts.waiting) for one in list_standing(session)}


def knobs(services: Services) -> tuple[float, float]:
    """The alpha and the threshold that hold."""
    with services.database.transaction() as session:
        threshold = get_threshold(session, get_active_space(session).id, services.settings.threshold)
        return get_alpha(session, services.settings.alpha), threshold


def test_backup__of_three_spaces_into_an_empty_home(
    services: Services, make_jpeg: Callable[..., bytes], home: Path, narrow_image_model: str, tmp_path: Path
) -> None:
    """One is active, one was before it, one is being filled. What was said and chosen comes along, and so does the way back."""
    ids = fill(services, make_jpeg)
    models = {"narrow": narrow_image_model, "next": write_narrow_model(tmp_path / "next", seed=8)}
    for name, model in models.items():
        make_space(services, choose_names(services, None, model, None, None), name=name, actor="ada")
        filling.fill(services, name, actor="ada")
        while fill_batch(services):
            pass
    compare(services, "narrow", actor="ada")
    activate(services, "narrow", suggested=True, actor="ada")
    judge(services, QueryKind.WORDS, "boats", ids[0], is_right=True, actor="ada")
    judge(services, QueryKind.MEDIA, str(ids[0]), ids[2], is_right=False, actor="bob")
    dropped = keep(services, make_jpeg(77))
    judge(services, QueryKind.PICTURE, f"{dropped} boats", ids[1], is_right=True, actor="ada")
    apply_alpha(services, 0.35, actor="ada")
    apply_threshold(services, 0.77, actor="ada")
    for seed in (20, 21):
        ids.append(accept_picture(services, make_jpeg(seed), MediaText(title=f"boat {seed}"), source="t").media_id)
    settle(services)
    assert fill_batch(services) == 2  # into the space that was active before, which comes first
    expected = {"demo": ("retired", 8, 0), "narrow": ("active", 8, 0), "next": ("building", 6, 2)}
    assert (standing(services), knobs(services)) == (expected, (0.35, 0.77))

    back_up(services.database, services.storage, tmp_path / "b")
    restored = run(home, "restore", str(tmp_path / "b"))

    assert (restored["good"], restored["audit"]["breaches"]) == (True, {})
    own = open_home(home)
    try:
        made, saved = content(own.database, EVERYTHING), content(services.database, EVERYTHING)
        (noted,) = set(made["audit_log"]) - set(saved["audit_log"])
        assert "library.restored" in noted
        made["audit_log"].remove(noted)
        assert made == saved
        assert (standing(own), knobs(own)) == (expected, (0.35, 0.77))
        assert list_said(own, QueryKind.WORDS, "boats") == {ids[0]: True}
        assert list_said(own, QueryKind.MEDIA, str(ids[0])) == {ids[2]: False}
        assert list_said(own, QueryKind.PICTURE, f"{dropped} boats") == {ids[1]: True}
        assert answers(own.database, ids) == answers(services.database, ids) != []
        # What was being filled goes on, from the originals that came along.
        assert fill_batch(own) == 2
        assert standing(own)["next"] == ("building", 8, 0)
        # Both restore the same.
        for one in (own, services):
            assert rollback(one, actor="ada").name == "demo"
        assert answers(own.database, ids) == answers(services.database, ids) != []
        assert knobs(own) == knobs(services) == (0.35, default_threshold("demo"))
        assert audit(own.database, replay=True).breaches == {}
        # And on: the filled one can be compared and activated.
        assert compare(own, "next", actor="ada").missing == 0
        assert activate(own, "next", suggested=True, actor="ada").previous == "demo"
    finally:
        own.database.dispose()


def test_backup__is_for_its_owner_in_any_folder(
    services: Services, make_jpeg: Callable[..., bytes], tmp_path: Path
) -> None:
    accept_picture(services, make_jpeg(1), MediaText(), source="upload")
    open_folder = tmp_path / "open"
    open_folder.mkdir(mode=0o755)
    for place in (open_folder, tmp_path / "new", tmp_path / "new.tar"):
        back_up(services.database, services.storage, place)
        made = [place] if place.is_file() else list(place.rglob("*"))
        assert made
        for path in made:
            assert path.stat().st_mode & 0o077 == 0, path
    assert (tmp_path / "new").stat().st_mode & 0o077 == 0
