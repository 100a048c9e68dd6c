"""Files that somebody names are regular, and reading them ends."""

import os
import threading
from pathlib import Path

import pytest

from backend.errors import FileTooLarge, FileUnreadable
from backend.files.folders import ManifestError, open_regular, read_manifest, read_regular, read_sidecar
from backend.files.limits import Limits


@pytest.fixture
def special(tmp_path: Path) -> list[Path]:
    """What blocks or never ends when it is read, and links to it."""
    pipe, linked = tmp_path / "pipe.jpg", tmp_path / "link.jpg"
    os.mkfifo(pipe)
    linked.symlink_to("/dev/zero")
    (tmp_path / "piped.jpg").symlink_to(pipe)
    return [pipe, linked, tmp_path / "piped.jpg", Path("/dev/zero"), Path("/dev/tty"), Path("/dev/stdin"), tmp_path]


def test_open_regular__nothing_else(special: list[Path]) -> None:
    for path in special:
        with pytest.raises(FileUnreadable):
            open_regular(path)
        with pytest.raises(FileUnreadable):
            read_regular(path, 1000)


def test_read_regular__as_much_as_is_allowed(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * 1000)
    assert read_regular(path, 1000) == b"x" * 1000
    with pytest.raises(FileTooLarge):
        read_regular(path, 999)
    with pytest.raises(FileUnreadable):
        read_regular(tmp_path / "missing", 1000)
    with pytest.raises(FileUnreadable):
        read_regular(tmp_path / "n\0l", 1000)


def test_read_regular__a_file_that_grows(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x")
    ending = threading.Event()

    def grow() -> None:
        with path.open("ab") as file:
            while not ending.is_set() and file.tell() < 500_000_000:
                file.write(b"x" * 1_000_000)

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        with pytest.raises(FileTooLarge):
            while True:
                read_regular(path, 20_000_000)
    finally:
        ending.set()
        thread.join()


def test_read_regular__files_of_the_kernel_are_empty() -> None:
    # /proc/kmsg blocks, and reading it takes what others should read.
    for path in (Path("/proc/self/status"), Path("/proc/kmsg")):
        if os.access(path, os.R_OK):
            assert read_regular(path, 1000) == b""


def test_read_manifest__files_of_the_kernel_are_empty(tmp_path: Path, limits: Limits) -> None:
    for name in ("/proc/self/status", "/proc/kmsg"):
        if os.access(name, os.R_OK):
            link = tmp_path / f"{Path(name).name}.jsonl"
            link.symlink_to(name)
            assert list(read_manifest(link, limits)) == []


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_read_manifest__is_a_regular_file(tmp_path: Path, limits: Limits, suffix: str) -> None:
    pipe, endless = tmp_path / f"pipe{suffix}", tmp_path / f"endless{suffix}"
    os.mkfifo(pipe)
    endless.symlink_to("/dev/zero")
    for path in (pipe, endless):
        with pytest.raises(FileUnreadable):
            list(read_manifest(path, limits))


@pytest.mark.parametrize(("suffix", "head"), [(".csv", "path,title\na.jpg,x\n"), (".jsonl", '{"path": "a.jpg"}\n')])
def test_read_manifest__a_line_without_end_is_the_last(tmp_path: Path, limits: Limits, suffix: str, head: str) -> None:
    path = tmp_path / f"a{suffix}"
    with path.open("w") as file:
        file.write(head)
        file.truncate(1_000_000_000)  # zeros that take no room
    first, last = read_manifest(path, limits)
    assert first.line == head.count("\n")
    assert isinstance(last, ManifestError)
    assert "characters" in str(last.error)


def test_read_sidecar__is_a_regular_file(tmp_path: Path, limits: Limits) -> None:
    picture = tmp_path / "a.jpg"
    picture.write_bytes(b"")
    (tmp_path / "a.jpg.json").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "a.txt")
    assert read_sidecar(picture, limits).text.is_empty
