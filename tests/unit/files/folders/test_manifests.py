from datetime import UTC, datetime
from pathlib import Path

import pytest

from backend.errors import FileUnreadable, InvalidText
from backend.files.folders import ManifestError, read_manifest
from backend.files.folders.manifests import ManifestRow
from backend.files.limits import Limits
from backend.files.text import MediaText


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def outline(path: Path, limits: Limits) -> list[tuple[int, str]]:
    """Return (line, title or code) of every item."""
    return [
        (one.line, one.text.title if isinstance(one, ManifestRow) else one.error.code)
        for one in read_manifest(path, limits)
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_read_manifest__csv(tmp_path: Path, limits: Limits, delimiter: str) -> None:
    lines = [
        ["Path", "Title", "description", "tags", "location", "story", "taken_at", "other"],
        ["a/b.jpg", "T", '"C', 'second line"', "", "", "", ""],
    ]
    lines[1] = ["a/b.jpg", "T", '"C\nsecond, line"', '"x;y, z"', "L", "S", "2024-05-01", "?"]
    path = written(tmp_path, "m.csv", "\ufeff" + "\r\n".join(delimiter.join(line) for line in lines))

    text = MediaText("T", "C second, line", ("x", "y", "z"), "L", "S", datetime(2024, 5, 1, tzinfo=UTC))
    assert list(read_manifest(path, limits)) == [ManifestRow(tmp_path / "a/b.jpg", None, text, 2)]


def test_read_manifest__jsonl(tmp_path: Path, limits: Limits) -> None:
    path = written(
        tmp_path,
        "m.jsonl",
        '{"path": "/abs/a.jpg", "keywords": ["x", "y"]}\n\n{"url": "https://example.org/b.png", "caption": "C"}\n',
    )

    assert list(read_manifest(path, limits)) == [
        ManifestRow(Path("/abs/a.jpg"), None, MediaText(keywords=("x", "y")), 1),
        ManifestRow(None, "https://example.org/b.png", MediaText(caption="C"), 3),
    ]


def test_read_manifest__bad_lines_of_csv_do_not_stop_the_rest(tmp_path: Path, limits: Limits) -> None:
    path = written(
        tmp_path,
        "m.csv",
        b"path,url,title\n"
        b"a.jpg,,one\n"
        b",,nothing\n"
        b"a.jpg,http://x/,both\n"
        b"\n"
        b"a.jpg,,caf\xe9\n"
        b"a.jpg,,too,many\n"
        b'a.jpg,,"two\nlines"\n'
        b"a.jpg,," + b"x" * 400 + b"\n"
        b"a\0.jpg,,nul\n"
        b",http://x/,last\n",
    )

    bad = "invalid_text"
    assert outline(path, limits) == [
        (2, "one"),
        (3, bad),
        (4, bad),
        (6, bad),
        (7, bad),
        (8, "two lines"),
        (10, bad),
        (11, bad),
        (12, "last"),
    ]


def test_read_manifest__bad_quotes_do_not_stop_the_rest(tmp_path: Path, limits: Limits) -> None:
    path = written(tmp_path, "m.csv", 'path,title\na.jpg,"x"y\nb.jpg,two\n')

    assert outline(path, limits) == [(2, "invalid_text"), (3, "two")]


def test_read_manifest__bad_lines_of_jsonl_do_not_stop_the_rest(tmp_path: Path, limits: Limits) -> None:
    lines = [b'{"path": "a.jpg", "title": "one"}', b"{", b"[]", b'{"path": 3}', b'{"title": "x"}', b'{"path": "\xff"}']
    lines += [b'{"path": "a.jpg", "title": "\\ud800 last"}']
    path = written(tmp_path, "m.jsonl", b"\n".join(lines))

    assert [line for line, title in outline(path, limits) if title == "invalid_text"] == [2, 3, 4, 5, 6, 7]
    assert outline(path, limits)[0] == (1, "one")


def test_read_manifest__errors_say_what_to_do(tmp_path: Path, limits: Limits) -> None:
    (item,) = read_manifest(written(tmp_path, "m.jsonl", "{"), limits)

    assert isinstance(item, ManifestError)
    assert item.error.hint


def test_read_manifest__no_column_for_the_picture(tmp_path: Path, limits: Limits) -> None:
    for content in ("title,caption\na,b\n", ""):
        with pytest.raises(InvalidText, match=r"m\.csv"):
            read_manifest(written(tmp_path, "m.csv", content), limits)


@pytest.mark.parametrize("name", ["missing.csv", "missing.jsonl", "list.xlsx"])
def test_read_manifest__unreadable(tmp_path: Path, limits: Limits, name: str) -> None:
    with pytest.raises(FileUnreadable):
        read_manifest(tmp_path / name, limits)
