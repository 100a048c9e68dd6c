import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from backend.errors import FileUnreadable, PathForbidden
from backend.files.folders import (
    Exclusions,
    Kind,
    LeftOut,
    Tally,
    folders,
    open_inside_roots,
    require_inside_roots,
    walk_pictures,
)
from backend.files.folders.left_out import kind_of_file
from backend.files.formats import formats


def tree(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def found(root: Path, *paths: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in walk_pictures(paths or [root])]


def test_walk_pictures__order_and_kinds(tmp_path: Path) -> None:
    tree(
        tmp_path,
        *(
            "b.JPG",
            "a.png",
            "z/1.webp",
            "c/2.gif",
            "c/1.heic",
            "c/d/x.tif",
            "m.svg",
            "n.bmp",
            "o.avif",
            "p.jfif",
            "q.jxl",
        ),
        *("a.json", "a.txt", "manifest.csv", "film.mp4", "doc.pdf", ".hidden.jpg", ".git/x.jpg", "Thumbs.db"),
        *(".DS_Store", "__MACOSX/a.jpg", "@eaDir/a.jpg", "._b.JPG", "noextension"),
    )

    assert found(tmp_path) == [
        *("a.png", "b.JPG", "m.svg", "n.bmp", "o.avif", "p.jfif", "q.jxl"),
        *("c/1.heic", "c/2.gif", "c/d/x.tif", "z/1.webp"),
    ]


LEFT_OUT = {
    Kind.BIN: [
        "#recycle/",
        "@Recycle/",
        "$RECYCLE.BIN/",
        ".Trash/",
        ".Trash-1000/",
        ".Trashes/",
        "lost+found/",
        ".recycle/",
        "Recycle Bin/",
        "RecycleBin/",
        "files_trashbin/",
        ".dtrash/",
    ],
    Kind.SNAPSHOT: [
        "#snapshot/",
        "@Recently-Snapshot/",
        ".snapshot/",
        ".zfs/",
        "~snapshot/",
        ".snapshots/",
        "files_versions/",
    ],
    Kind.THUMBNAILS: [
        "@eaDir/",
        ".thumbnails/",
        ".@__thumb/",
        "iPod Photo Cache/",
        "CaptureOne/Cache/",
        "iPhoto Library/Data/",
        "iPhoto Library/Thumbnails/",
        "Android/data/",
        "_data/i/",
        "appdata_oc1a2b3c4d/",
        ".wdmc/",
    ],
    Kind.SYSTEM: [
        "__MACOSX/",
        "System Volume Information/",
        "._a.jpg",
        "Thumbs.db",
        ".DS_Store",
        "desktop.ini",
        "@tmp/",
        "_gsdata_/",
        "AppData/",
    ],
    Kind.PACKAGE: [
        "Photos Library.photoslibrary/",
        "A.aplibrary/",
        "B Previews.lrdata/",
        "C.LRCAT-DATA/",
        "d.cocatalog/",
        ".picasaoriginals/",
        "[Originals]/",
    ],
    Kind.HIDDEN: [".hidden.jpg", ".git/", ".a/"],
    Kind.MOVIE: ["film.mp4", "live.MOV"],
    Kind.RAW: ["a.x3f"],
    Kind.SIDECAR: ["a.json", "a.xmp", "a.txt"],
    Kind.OTHER: ["doc.pdf", "manifest.csv", "noextension"],
}


def test_walk_pictures__tells_what_is_left_out(tmp_path: Path) -> None:
    names = [name for names in LEFT_OUT.values() for name in names]
    tree(tmp_path, "a.jpg", *(f"in/{name}/deep/x.jpg" if name.endswith("/") else f"in/{name}" for name in names))
    told: list[LeftOut] = []

    found = list(walk_pictures([tmp_path], on_left_out=told.append))

    assert found == [tmp_path / "a.jpg"]
    assert {one.path: one.kind for one in told} == {
        tmp_path / "in" / name.rstrip("/"): kind for kind, names in LEFT_OUT.items() for name in names
    }
    assert len(told) == len(names)


def test_walk_pictures__folders_of_people_are_not_caches(tmp_path: Path) -> None:
    names = ["Cache/a.jpg", "CaptureOne/Output/a.jpg", "Recycle/a.jpg", "Versions/a.jpg", "iPod/a.jpg"]
    names += ["Data/a.jpg", "Originals/a.jpg", "iPhoto Library/Originals/a.jpg", "Android/media/a.jpg", "data/i/a.jpg"]
    tree(tmp_path, *names)

    assert sorted(found(tmp_path, tmp_path)) == sorted(names)


@pytest.mark.parametrize("is_installed", [True, False])
def test_walk_pictures__takes_raw_files_that_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_installed: bool
) -> None:
    monkeypatch.setattr(formats, "_is_installed", lambda _: is_installed)
    tree(tmp_path, "a.CR2", "b.jpg")
    told: list[LeftOut] = []

    found = list(walk_pictures([tmp_path], on_left_out=told.append))

    assert [path.name for path in found] == (["a.CR2", "b.jpg"] if is_installed else ["b.jpg"])
    assert [one.kind for one in told] == ([] if is_installed else [Kind.RAW])


def test_walk_pictures__passes_by_folders_with_nomedia(tmp_path: Path) -> None:
    tree(tmp_path, "a.jpg", "private/.nomedia", "private/x.jpg", "private/in/y.jpg", "public/z.jpg")
    told: list[LeftOut] = []

    assert [path.name for path in walk_pictures([tmp_path], on_left_out=told.append)] == ["a.jpg", "z.jpg"]
    assert told == [LeftOut(tmp_path / "private", Kind.NOMEDIA)]
    # Anyone who names the folder means it.
    assert found(tmp_path, tmp_path / "private") == ["private/x.jpg", "private/in/y.jpg"]


def test_walk_pictures__a_folder_that_is_named_is_entered(tmp_path: Path) -> None:
    tree(tmp_path, "L.photoslibrary/originals/a.jpg", "#recycle/b.jpg")

    assert found(tmp_path, tmp_path / "L.photoslibrary", tmp_path / "#recycle") == [
        *("L.photoslibrary/originals/a.jpg", "#recycle/b.jpg")
    ]


@pytest.mark.parametrize(
    ("patterns", "left"),
    [
        ([], ["Größe.jpg", "a.jpg", "b.png", "2019/c.jpg", "2019/x/d.jpg", "x/e.jpg"]),
        (["*.PNG"], ["Größe.jpg", "a.jpg", "2019/c.jpg", "2019/x/d.jpg", "x/e.jpg"]),
        (["x"], ["Größe.jpg", "a.jpg", "b.png", "2019/c.jpg"]),
        (["2019/x"], ["Größe.jpg", "a.jpg", "b.png", "2019/c.jpg", "x/e.jpg"]),
        (["/x"], ["Größe.jpg", "a.jpg", "b.png", "2019/c.jpg", "2019/x/d.jpg"]),
        (["2019/*"], ["Größe.jpg", "a.jpg", "b.png", "x/e.jpg"]),
        (["**/d.jpg", "?.png"], ["Größe.jpg", "a.jpg", "2019/c.jpg", "x/e.jpg"]),
        (["2019/**"], ["Größe.jpg", "a.jpg", "b.png", "x/e.jpg"]),
        (["gr\u006f\u0308ße.*", "a.jpg/", ".*"], ["a.jpg", "b.png", "2019/c.jpg", "2019/x/d.jpg", "x/e.jpg"]),
        (["*"], []),
        (["[a].jpg", "", "/"], ["Größe.jpg", "a.jpg", "b.png", "2019/c.jpg", "2019/x/d.jpg", "x/e.jpg"]),
    ],
)
def test_walk_pictures__exclusions(tmp_path: Path, patterns: list[str], left: list[str]) -> None:
    tree(tmp_path, "Größe.jpg", "a.jpg", "b.png", "2019/c.jpg", "2019/x/d.jpg", "x/e.jpg")
    told: list[LeftOut] = []

    pictures = list(walk_pictures([tmp_path], exclusions=Exclusions(patterns), on_left_out=told.append))

    assert sorted(path.relative_to(tmp_path).as_posix() for path in pictures) == sorted(left)
    assert {one.kind for one in told} <= {Kind.EXCLUDED}
    assert bool(told) == (len(left) < 6)


def test_tally__counts_sidecars_that_no_picture_used(tmp_path: Path) -> None:
    tally = Tally()
    for name in ("a.json", "b.json", "c.mp4", "d.mp4", "e.mp4", "f.mp4"):
        kind = kind_of_file(name, is_picture=False)
        assert kind is not None
        tally.add(LeftOut(tmp_path / name, kind))
    tally.settle({tmp_path / "a.json"})

    assert tally.counts == {Kind.MOVIE: 4, Kind.SIDECAR: 1}
    assert tally.examples[Kind.SIDECAR] == [tmp_path / "b.json"]
    assert len(tally.examples[Kind.MOVIE]) == 3


def test_walk_pictures__named_files_come_as_they_are(tmp_path: Path) -> None:
    tree(tmp_path, "doc.pdf", ".hidden.jpg", "in/a.jpg")

    assert found(tmp_path, tmp_path / "doc.pdf", tmp_path / "in", tmp_path / ".hidden.jpg") == [
        *("doc.pdf", "in/a.jpg", ".hidden.jpg")
    ]


def test_walk_pictures__loops_of_links_end(tmp_path: Path) -> None:
    tree(tmp_path, "a/1.jpg", "a/b/2.jpg")
    (tmp_path / "a/b/back").symlink_to(tmp_path / "a")
    (tmp_path / "a/self").symlink_to(tmp_path / "a/self")
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")

    assert found(tmp_path) == ["a/1.jpg", "a/b/2.jpg"]


def test_walk_pictures__follows_links_once(tmp_path: Path) -> None:
    tree(tmp_path, "elsewhere/1.jpg", "top/2.jpg")
    (tmp_path / "top/link").symlink_to(tmp_path / "elsewhere")

    assert found(tmp_path, tmp_path / "top", tmp_path / "elsewhere") == ["top/2.jpg", "top/link/1.jpg"]


def test_walk_pictures__special_files_are_no_pictures(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")

    assert found(tmp_path) == []
    with pytest.raises(FileUnreadable):
        found(tmp_path, tmp_path / "pipe.jpg")


@pytest.fixture
def locked() -> Iterator[Path]:
    """A folder with a picture and a folder of somebody else, as somebody without rights sees them."""
    top = Path(tempfile.mkdtemp())
    tree(top, "a.jpg", "shut/b.jpg", "z/c.jpg")
    top.chmod(0o755)
    (top / "shut").chmod(0)
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    yield top
    os.seteuid(before)
    (top / "shut").chmod(0o700)
    shutil.rmtree(top)


def test_walk_pictures__a_folder_that_cannot_be_opened(locked: Path) -> None:
    with pytest.raises(FileUnreadable, match="shut cannot be opened: Permission denied"):
        list(walk_pictures([locked / "shut"]))
    with pytest.raises(FileUnreadable, match="inside cannot be opened: Permission denied"):
        list(walk_pictures([locked / "shut" / "inside"]))


def test_walk_pictures__tells_of_folders_that_cannot_be_opened(locked: Path, caplog: pytest.LogCaptureFixture) -> None:
    told: list[FileUnreadable] = []

    assert [path.name for path in walk_pictures([locked], on_unreadable=told.append)] == ["a.jpg", "c.jpg"]
    assert [error.context["path"] for error in told] == [str(locked / "shut")]
    assert not caplog.records
    assert found(locked) == ["a.jpg", "z/c.jpg"]
    assert "shut cannot be opened" in caplog.text


def test_walk_pictures__missing(tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable, match="nowhere"):
        list(walk_pictures([tmp_path / "nowhere"]))


def test_require_inside_roots__inside(tmp_path: Path) -> None:
    tree(tmp_path, "root/a.jpg", "other/b.jpg")
    roots = [tmp_path / "other", tmp_path / "root"]

    assert require_inside_roots(tmp_path / "root/x/../a.jpg", roots) == (tmp_path / "root/a.jpg").resolve()
    assert require_inside_roots(tmp_path / "root", roots) == (tmp_path / "root").resolve()


@pytest.mark.parametrize("name", ["other/b.jpg", "root/../other/b.jpg", "root/link/b.jpg", "rootless", "root/a\0.jpg"])
def test_require_inside_roots__outside(tmp_path: Path, name: str) -> None:
    tree(tmp_path, "root/a.jpg", "other/b.jpg", "rootless")
    (tmp_path / "root/link").symlink_to(tmp_path / "other")

    with pytest.raises(PathForbidden):
        require_inside_roots(tmp_path / name, [tmp_path / "root"])


def test_require_inside_roots__loop_of_links(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")

    with pytest.raises(PathForbidden):
        require_inside_roots(tmp_path / "loop", [tmp_path])


def test_require_inside_roots__no_roots(tmp_path: Path) -> None:
    with pytest.raises(PathForbidden, match="MEDIACLUSTER_IMPORT_ROOTS"):
        require_inside_roots(tmp_path, [])


def test_open_inside_roots__opens(tmp_path: Path) -> None:
    (tmp_path / "root/inner").mkdir(parents=True)
    (tmp_path / "root/inner/a.jpg").write_bytes(b"a")
    with open_inside_roots(tmp_path / "root/inner/a.jpg", [tmp_path / "root"]) as file:
        assert file.read() == b"a"


@pytest.mark.parametrize("swapped", ["inner", "inner/a.jpg"])
def test_open_inside_roots__a_link_put_there_after_the_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, swapped: str
) -> None:
    (tmp_path / "root/inner").mkdir(parents=True)
    (tmp_path / "root/inner/a.jpg").write_bytes(b"a")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/a.jpg").write_bytes(b"secret")
    real = require_inside_roots

    def check_then_swap(path: Path, roots: Sequence[Path]) -> Path:
        resolved = real(path, roots)
        victim = tmp_path / "root" / swapped
        victim.rename(tmp_path / "aside")
        victim.symlink_to(tmp_path / "outside" / ("" if swapped == "inner" else "a.jpg"))
        return resolved

    monkeypatch.setattr(folders, "require_inside_roots", check_then_swap)
    with pytest.raises((PathForbidden, FileUnreadable)):
        open_inside_roots(tmp_path / "root/inner/a.jpg", [tmp_path / "root"])


def test_open_inside_roots__no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", ".", "missing"):
        with pytest.raises(FileUnreadable):
            open_inside_roots(tmp_path / name, [tmp_path])
