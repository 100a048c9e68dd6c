import json
import unicodedata
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest

from backend.errors import FileUnreadable, InvalidText
from backend.features.intake.moments import settle_date
from backend.files.folders import ManifestError, read_manifest
from backend.files.folders.foreign_records import _STANDINGS
from backend.files.folders.manifests import ManifestRow
from backend.files.limits import Limits
from backend.files.text import MediaText
from backend.moments import GUESS_SOURCE, DateCandidate, Precision, Standing


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

    text = MediaText("T", "C\nsecond, line", ("x", "y", "z"), "L", "S", datetime(2024, 5, 1, tzinfo=UTC))
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


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_read_manifest__captions_keep_their_lines_in_every_format(tmp_path: Path, limits: Limits, end: str) -> None:
    caption = end.join(["One", "two", "", "three"])
    table = written(tmp_path, "m.csv", f'path,caption,title{end}a.jpg,"{caption}","A{end}cup"{end}')
    lines = written(tmp_path, "m.jsonl", json.dumps({"path": "a.jpg", "caption": caption, "title": f"A{end}cup"}))

    for path in (table, lines):
        [row] = read_manifest(path, limits)
        assert isinstance(row, ManifestRow)
        assert (row.text.caption, row.text.title) == ("One\ntwo\n\nthree", "A cup")


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


def titles(path: Path, limits: Limits) -> list[tuple[int, str, str]]:
    """Return (line, path below the folder, title) of every row."""
    return [
        (one.line, one.path.relative_to(path.parent).as_posix(), one.text.title)
        for one in read_manifest(path, limits)
        if isinstance(one, ManifestRow)
        if one.path is not None
    ]


@pytest.mark.parametrize("head", ["sep=;", '"sep=;"', "SEP=;", "sep=;;;"])
def test_read_manifest__the_separator_line_of_excel(tmp_path: Path, limits: Limits, head: str) -> None:
    path = written(tmp_path, "m.csv", f'{head}\r\npath;title\r\na.jpg;"one, two;\r\nthree"\r\nb.jpg;two\r\n')

    assert titles(path, limits) == [(3, "a.jpg", "one, two; three"), (5, "b.jpg", "two")]


def test_read_manifest__a_separator_that_is_no_delimiter_of_ours(tmp_path: Path, limits: Limits) -> None:
    assert titles(written(tmp_path, "m.csv", "sep=|\npath|title\na.jpg|T\n"), limits) == [(3, "a.jpg", "T")]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
@pytest.mark.parametrize("name", ["m.csv", "m.jsonl"])
def test_read_manifest__encodings(tmp_path: Path, limits: Limits, encoding: str, name: str) -> None:
    rows = "path\ttitle\r\nZürich.jpg\t東京\r\n" if name == "m.csv" else '{"path": "Zürich.jpg", "title": "東京"}\n'

    assert titles(written(tmp_path, name, rows.encode(encoding)), limits) == [
        (2 if name == "m.csv" else 1, "Zürich.jpg", "東京")
    ]


def test_read_manifest__broken_utf16_does_not_stop_the_rest(tmp_path: Path, limits: Limits) -> None:
    content = "\ufeffpath,title\na.jpg,x".encode("utf-16-le") + b"\x00\xd8" + "\nb.jpg,y\n".encode("utf-16-le") + b"z"
    assert [line for line, _, _ in titles(written(tmp_path, "m.csv", content), limits)][:2] == [2, 3]


def test_read_manifest__backslashes(tmp_path: Path, limits: Limits) -> None:
    (tmp_path / "2019").mkdir()
    (tmp_path / "2019" / "a.jpg").touch()
    (tmp_path / "odd\\name.jpg").touch()
    path = written(
        tmp_path, "m.csv", "path,title\n2019\\a.jpg,A\n.\\2019\\a.jpg,B\nodd\\name.jpg,C\n2019\\gone.jpg,D\n"
    )

    assert titles(path, limits) == [
        *((2, "2019/a.jpg", "A"), (3, "2019/a.jpg", "B"), (4, "odd\\name.jpg", "C"), (5, "2019/gone.jpg", "D"))
    ]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_read_manifest__names_in_another_form(tmp_path: Path, limits: Limits, form: Literal["NFC", "NFD"]) -> None:
    other: Literal["NFC", "NFD"] = "NFD" if form == "NFC" else "NFC"
    folder = tmp_path / unicodedata.normalize(form, "Größen")
    folder.mkdir()
    (folder / unicodedata.normalize(form, "Größe.JPG")).touch()
    for name in ("x.jpg", "X.jpg"):
        (folder / name).touch()
    rows = unicodedata.normalize(other, "path\nGrößen/Größe.jpg\nGrößen/X.JPG\nGrößen/x.jpg\n")

    found = [
        row.path for row in read_manifest(written(tmp_path, "m.csv", rows), limits) if isinstance(row, ManifestRow)
    ]

    assert found[0] == folder / unicodedata.normalize(form, "Größe.JPG")
    # Which of two is meant nobody can tell.
    assert found[1] == folder / "X.JPG"
    assert found[2] == folder / "x.jpg"


@pytest.mark.parametrize("content", ["path,title,\na.jpg,T,\n", "path,title\na.jpg,T,\n", "path,title,,\na.jpg,T\n"])
def test_read_manifest__a_separator_at_the_end(tmp_path: Path, limits: Limits, content: str) -> None:
    assert titles(written(tmp_path, "m.csv", content), limits) == [(2, "a.jpg", "T")]


def test_read_manifest__exiftool(tmp_path: Path, limits: Limits) -> None:
    path = written(
        tmp_path,
        "m.csv",
        "SourceFile,FileName,Directory,Title,Caption-Abstract,Keywords,DateTimeOriginal,OffsetTimeOriginal,GPSLatitude,"
        "GPSLongitude,City,PersonInImage\n"
        './in/a.jpg,a.jpg,./in,T,C,"sea, boat",2024:05:01 12:30:00,+02:00,"13 deg 24\' 36.00"" S",'
        '"48 deg 15\' 0.00"" E",Nara,Ann\n'
        f"b.jpg,b.jpg,.,{'x' * 400},-,,,,,,,\n",
    )

    first, second = read_manifest(path, limits)
    assert first == ManifestRow(
        tmp_path / "in/a.jpg",
        None,
        MediaText("T", "C", ("sea", "boat", "Ann"), "Nara"),
        2,
        {"latitude_degrees": -13.41, "longitude_degrees": 48.25},
        (
            DateCandidate(
                datetime.fromisoformat("2024-05-01T12:30:00+02:00"),
                Precision.SECOND,
                Standing.ORIGINAL,
                "exiftool:datetimeoriginal",
            ),
        ),
    )
    assert isinstance(second, ManifestRow)
    assert (second.text.title, second.text.caption, len(second.warnings)) == ("x" * 300, "", 1)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("metadata.csv", "file_name,text,label\ntrain/0001.png,A red fox,3\n"),
        (
            "metadata.jsonl",
            '{"file_name": "train/0001.png", "text": "A red fox", "objects": {"bbox": [[1, 2, 3, 4]]}}\n',
        ),
        ("metadata.csv", "image_path\tcaption\ntrain/0001.png\tA red fox\n"),
        ("metadata.csv", "file_name,text,caption\ntrain/0001.png,other,A red fox\n"),
    ],
)
def test_read_manifest__data_sets_in_folders(tmp_path: Path, limits: Limits, name: str, content: str) -> None:
    (row,) = read_manifest(written(tmp_path, name, content), limits)

    assert isinstance(row, ManifestRow)
    assert (row.path, row.text) == (tmp_path / "train/0001.png", MediaText(caption="A red fox"))


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("path,latitude,longitude\na.jpg,-13.4,48.25\n", {"latitude_degrees": -13.4, "longitude_degrees": 48.25}),
        ("path,lat,lon\na.jpg,-13.4,48.25\n", {"latitude_degrees": -13.4, "longitude_degrees": 48.25}),
        ('path,location\na.jpg,"-13.4, 48.25"\n', {"latitude_degrees": -13.4, "longitude_degrees": 48.25}),
        ("path,latitude,longitude\na.jpg,0,0\n", {}),
        ("path,latitude,longitude\na.jpg,,\n", {}),
        ("path,latitude,longitude\na.jpg,north,500\n", {}),
    ],
)
def test_read_manifest__coordinates(tmp_path: Path, limits: Limits, content: str, place: dict[str, float]) -> None:
    (row,) = read_manifest(written(tmp_path, "m.csv", content), limits)

    assert isinstance(row, ManifestRow)
    assert row.place == place
    assert row.text.location == ""  # everybody sees it


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_read_manifest__an_exported_moment_is_what_it_was(tmp_path: Path, limits: Limits, suffix: str) -> None:
    """From any source, at any precision. A moment that was guessed is not given by a person afterwards."""
    moment = datetime(2019, 5, 4, 10, 30, 15, 250_000, tzinfo=UTC)
    starts = {
        Precision.YEAR: moment.replace(month=1, day=1, hour=0, minute=0, second=0, microsecond=0),
        Precision.MONTH: moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0),
        Precision.DAY: moment.replace(hour=0, minute=0, second=0, microsecond=0),
        Precision.MINUTE: moment.replace(second=0, microsecond=0),
        Precision.SECOND: moment.replace(microsecond=0),
        Precision.SUBSECOND: moment,
    }
    assert {"file_name", "given", "exif:DateTimeOriginal"} < _STANDINGS.keys()
    before = [
        MediaText(title="T").with_date(starts[precision], precision, source)
        for source in _STANDINGS
        for precision in Precision
    ]
    records = [
        {
            "path": "a.jpg",
            "title": "T",
            "taken_at": one.taken_at.isoformat() if one.taken_at else None,
            "taken_at_precision": one.taken_at_precision,
            "taken_at_source": one.taken_at_source,
        }
        for one in before
    ]
    lines = [json.dumps(one) for one in records]
    if suffix == ".csv":
        lines = [",".join(records[0]), *(",".join(map(str, one.values())) for one in records)]
    path = written(tmp_path, f"export{suffix}", "\n".join(lines))

    rows = [one for one in read_manifest(path, limits) if isinstance(one, ManifestRow)]

    settled = [settle_date(row.text, row.dates, "a.jpg", limits) for row in rows]
    assert [account(one) for one in settled] == [account(one) for one in before]
    better = DateCandidate(datetime(2018, 1, 1, 9, tzinfo=UTC), Precision.SECOND, Standing.MODIFIED, "exif:DateTime")
    guessed = next(row for row in rows if row.text.taken_at_source == GUESS_SOURCE)
    assert settle_date(guessed.text, [better], "a.jpg", limits).taken_at_source == "exif:DateTime"


@pytest.mark.parametrize("said", [{"taken_at_precision": "eon"}, {"taken_at_source": "exif:DateTime"}, {}])
def test_read_manifest__a_moment_without_its_precision_is_given(
    tmp_path: Path, limits: Limits, said: dict[str, str]
) -> None:
    record = {"path": "a.jpg", "taken_at": "2019-05"} | said
    (row,) = read_manifest(written(tmp_path, "m.jsonl", json.dumps(record)), limits)

    assert isinstance(row, ManifestRow)
    assert (row.text.taken_at_precision, row.text.taken_at_source) == ("month", "given")


def account(text: MediaText) -> tuple[object, ...]:
    return text.taken_at, text.taken_at_precision, text.taken_at_source
