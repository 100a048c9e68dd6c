"""Sidecars as files: whole or not at all, and never instead of what another program wrote."""

import errno
import os
import uuid
from pathlib import Path
from typing import Any

import pytest

from backend.errors import FileUnreadable, PathForbidden, StorageFull
from backend.files.folders import SidecarOutcome, write_sidecar
from backend.files.metadata import write_xmp
from backend.files.text import MediaText

ONE, TWO = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
PACKET = write_xmp(MediaText(title="The pier"), ONE)
FOREIGN = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><darktable:history/></x:xmpmeta>'


def put(top: Path, packet: bytes = PACKET, **options: Any) -> SidecarOutcome:
    return write_sidecar(top, ["2024", "May"], "A.jpg.xmp", packet, **{"make_folders": True, **options})


def test_write_sidecar__new_changed_and_the_same(tmp_path: Path) -> None:
    file = tmp_path / "2024/May/A.jpg.xmp"
    assert put(tmp_path) is SidecarOutcome.WRITTEN
    assert file.read_bytes() == PACKET
    before = file.stat()
    assert put(tmp_path) is SidecarOutcome.UNCHANGED
    assert file.stat() == before
    changed = write_xmp(MediaText(title="The old pier"), ONE)
    assert put(tmp_path, changed) is SidecarOutcome.UPDATED
    assert file.read_bytes() == changed
    assert [one.name for one in file.parent.iterdir()] == ["A.jpg.xmp"]


@pytest.mark.parametrize(
    "content", [FOREIGN, PACKET.replace(b"pier", b"beer"), PACKET + b" ", b"\0" * 3_000_000, b"<"], ids=range(5)
)
def test_write_sidecar__what_others_wrote_survives(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "2024/May/A.jpg.xmp"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    before = file.stat()
    assert put(tmp_path) is SidecarOutcome.FOREIGN
    assert put(tmp_path, may_replace=lambda _: True) is SidecarOutcome.FOREIGN
    assert (file.read_bytes(), file.stat().st_ino, file.stat().st_mtime_ns) == (
        content,
        before.st_ino,
        before.st_mtime_ns,
    )


def test_write_sidecar__one_that_appears_meanwhile_survives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "2024/May/A.jpg.xmp"
    link = os.link

    def write_first(*arguments: Any, **options: Any) -> None:
        file.write_bytes(FOREIGN)
        link(*arguments, **options)

    monkeypatch.setattr(os, "link", write_first)
    assert put(tmp_path) is SidecarOutcome.FOREIGN
    assert file.read_bytes() == FOREIGN
    assert [one.name for one in file.parent.iterdir()] == ["A.jpg.xmp"]


def test_write_sidecar__of_another_picture(tmp_path: Path) -> None:
    other = write_xmp(MediaText(title="Another"), TWO)
    put(tmp_path, other)
    assert put(tmp_path) is SidecarOutcome.OF_ANOTHER
    assert put(tmp_path, may_replace=lambda picture: picture == ONE) is SidecarOutcome.OF_ANOTHER
    assert (tmp_path / "2024/May/A.jpg.xmp").read_bytes() == other
    assert put(tmp_path, may_replace=lambda picture: picture == TWO) is SidecarOutcome.UPDATED
    assert (tmp_path / "2024/May/A.jpg.xmp").read_bytes() == PACKET


def test_write_sidecar__only_where_it_is_needed(tmp_path: Path) -> None:
    empty = write_xmp(MediaText(), ONE)
    assert put(tmp_path, empty, is_needed=False) is SidecarOutcome.NOT_NEEDED
    assert list(tmp_path.iterdir()) == []
    put(tmp_path)
    assert put(tmp_path, empty, is_needed=False) is SidecarOutcome.UPDATED


def test_write_sidecar__dry_run_writes_nothing(tmp_path: Path) -> None:
    assert put(tmp_path, dry_run=True) is SidecarOutcome.WRITTEN
    assert list(tmp_path.iterdir()) == []
    put(tmp_path)
    assert put(tmp_path, write_xmp(MediaText(title="B"), ONE), dry_run=True) is SidecarOutcome.UPDATED
    assert (tmp_path / "2024/May/A.jpg.xmp").read_bytes() == PACKET


def test_write_sidecar__follows_no_link(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "May").mkdir(parents=True)
    top = tmp_path / "top"
    top.mkdir()
    (top / "2024").symlink_to(elsewhere)
    with pytest.raises(PathForbidden, match="link"):
        put(top)
    (top / "2024").unlink()
    (top / "2024/May").mkdir(parents=True)
    victim = tmp_path / "victim"
    victim.write_bytes(PACKET)
    (top / "2024/May/A.jpg.xmp").symlink_to(victim)
    with pytest.raises(PathForbidden, match="link"):
        put(top, write_xmp(MediaText(title="B"), ONE))
    assert victim.read_bytes() == PACKET
    assert list((elsewhere / "May").iterdir()) == []


def test_write_sidecar__a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "2024/May").mkdir(parents=True)
    os.mkfifo(tmp_path / "2024/May/A.jpg.xmp")
    assert put(tmp_path) is SidecarOutcome.FOREIGN


@pytest.mark.parametrize(
    ("number", "error"), [(errno.ENOSPC, StorageFull), (errno.EACCES, FileUnreadable), (errno.EIO, FileUnreadable)]
)
@pytest.mark.parametrize("is_there", [False, True])
def test_write_sidecar__an_interrupted_write_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, error: type[Exception], is_there: bool
) -> None:
    changed = write_xmp(MediaText(title="B" * 100), ONE)
    if is_there:
        put(tmp_path)

    def half(descriptor: int, *_: Any, **__: Any) -> Any:
        os.write(descriptor, changed[:50])
        os.close(descriptor)
        raise OSError(number, os.strerror(number))

    fdopen = os.fdopen
    monkeypatch.setattr(os, "fdopen", lambda descriptor, mode: (half if mode == "wb" else fdopen)(descriptor, mode))
    with pytest.raises(error):
        put(tmp_path, changed)
    files = list((tmp_path / "2024/May").iterdir())
    assert [(file.name, file.read_bytes()) for file in files] == ([("A.jpg.xmp", PACKET)] if is_there else [])


def test_write_sidecar__without_its_folder(tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable, match="not there"):
        put(tmp_path, make_folders=False)
    assert list(tmp_path.iterdir()) == []


def test_write_sidecar__an_empty_file_holds_nothing_to_lose(tmp_path: Path) -> None:
    file = tmp_path / "2024/May/A.jpg.xmp"
    file.parent.mkdir(parents=True)
    file.touch()
    assert put(tmp_path) is SidecarOutcome.WRITTEN
    assert file.read_bytes() == PACKET
