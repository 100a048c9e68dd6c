import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backend.errors import InvalidText
from backend.files.folders import read_sidecar
from backend.files.folders.sidecars import Sidecar
from backend.files.limits import Limits
from backend.files.metadata import PLACE_NAMES
from backend.files.text import MediaText

RECORD = {
    "title": "Harbour",
    "caption": "Boats &amp; nets",
    "keywords": ["sea", "boat"],
    "location": "Nosy Be",
    "story": "Long ago.",
    "taken_at": "2024-05-01",
    "unknown": {"is": "ignored"},
}
TEXT = MediaText(
    title="Harbour",
    caption="Boats & nets",
    keywords=("sea", "boat"),
    location="Nosy Be",
    story="Long ago.",
    taken_at=datetime(2024, 5, 1, tzinfo=UTC),
)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return tmp_path / "IMG_1.jpg"


def test_read_sidecar__none(picture: Path, limits: Limits) -> None:
    assert read_sidecar(picture, limits) == Sidecar()


@pytest.mark.parametrize("name", ["IMG_1.json", "IMG_1.jpg.json"])
def test_read_sidecar__json(picture: Path, limits: Limits, name: str) -> None:
    picture.with_name(name).write_text(json.dumps(RECORD), encoding="utf-8-sig")

    assert read_sidecar(picture, limits) == Sidecar(TEXT)


def test_read_sidecar__other_names_of_keys(picture: Path, limits: Limits) -> None:
    picture.with_name("IMG_1.json").write_text('{"description": "d", "tags": "a; b,c", "title": 1984, "story": null}')

    assert read_sidecar(picture, limits) == Sidecar(MediaText(title="1984", caption="d", keywords=("a", "b", "c")))


@pytest.mark.parametrize("name", ["IMG_1.txt", "IMG_1.jpg.txt"])
def test_read_sidecar__text_is_the_caption(picture: Path, limits: Limits, name: str) -> None:
    picture.with_name(name).write_text("Boats\nand nets\n", encoding="utf-8")

    assert read_sidecar(picture, limits) == Sidecar(MediaText(caption="Boats and nets"))


def test_read_sidecar__long_text_is_the_story(picture: Path, limits: Limits) -> None:
    picture.with_name("IMG_1.txt").write_text("word " * 500)

    assert read_sidecar(picture, limits) == Sidecar(MediaText(story=("word " * 500).strip()))


def test_read_sidecar__exact_name_wins_and_json_before_text(picture: Path, limits: Limits) -> None:
    picture.with_name("IMG_1.jpg.json").write_text('{"title": "exact"}')
    picture.with_name("IMG_1.json").write_text('{"title": "stem", "location": "stem"}')
    picture.with_name("IMG_1.txt").write_text("text")

    assert read_sidecar(picture, limits) == Sidecar(MediaText(title="exact", location="stem", caption="text"))


def takeout(**changes: object) -> str:
    record = {
        "title": "IMG_1.jpg",
        "description": "Boats",
        "photoTakenTime": {"timestamp": "1714559400", "formatted": "1 May 2024, 10:30:00 UTC"},
        "geoData": {"latitude": -13.4, "longitude": 48.25, "altitude": 0.0},
    }
    return json.dumps(record | changes)


@pytest.mark.parametrize("name", ["IMG_1.jpg.json", "IMG_1.jpg.supplemental-metadata.json"])
def test_read_sidecar__google_takeout(picture: Path, limits: Limits, name: str) -> None:
    picture.with_name(name).write_text(takeout())

    assert read_sidecar(picture, limits) == Sidecar(
        MediaText(caption="Boats", taken_at=datetime(2024, 5, 1, 10, 30, tzinfo=UTC)),
        {"latitude_degrees": -13.4, "longitude_degrees": 48.25},
    )


def test_read_sidecar__google_takeout_with_an_altitude(picture: Path, limits: Limits) -> None:
    geo = {"latitude": 0.0, "longitude": 48.25, "altitude": -35.5}
    picture.with_name("IMG_1.jpg.json").write_text(takeout(geoData=geo))

    assert read_sidecar(picture, limits).place == dict(zip(PLACE_NAMES, (0.0, 48.25, -35.5), strict=True))


def test_read_sidecar__coordinates_are_no_location(picture: Path, limits: Limits) -> None:
    picture.with_name("IMG_1.json").write_text('{"title": "Boats", "location": "-13.4, 48.25"}')

    expected = Sidecar(MediaText(title="Boats"), {"latitude_degrees": -13.4, "longitude_degrees": 48.25})
    assert read_sidecar(picture, limits) == expected


@pytest.mark.parametrize(
    "geo",
    [
        None,
        [48.8, 2.2],
        {"latitude": "48.8", "longitude": "2.2"},
        {"latitude": True, "longitude": 2.2},
        {"latitude": float("nan"), "longitude": 2.2},
        {"latitude": 10**400, "longitude": 2.2},
        {"latitude": 91, "longitude": 2.2},
    ],
    ids=["none", "list", "words", "truth", "nan", "huge", "beyond_the_pole"],
)
def test_read_sidecar__google_takeout_with_no_place_on_earth(picture: Path, limits: Limits, geo: object) -> None:
    picture.with_name("IMG_1.jpg.json").write_text(takeout(geoData=geo))

    assert read_sidecar(picture, limits).place == {}


def test_read_sidecar__google_takeout_cuts_long_names(tmp_path: Path, limits: Limits) -> None:
    picture = tmp_path / "a_rather_long_name_of_a_picture.jpg"
    (tmp_path / "a_rather_long_name_of_a_picture.jpg.supplement.json").write_text(takeout())
    assert len("a_rather_long_name_of_a_picture.jpg.supplement") == 46

    assert read_sidecar(picture, limits).text.caption == "Boats"


def test_read_sidecar__google_takeout_without_place_or_time(picture: Path, limits: Limits) -> None:
    changes = {"geoData": {"latitude": 0.0, "longitude": 0.0}, "photoTakenTime": {"timestamp": "x"}, "title": "Boats"}
    picture.with_name("IMG_1.jpg.json").write_text(takeout(**changes, description=""))

    assert read_sidecar(picture, limits) == Sidecar(MediaText(title="Boats"))


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]",
        b'{"title": ["a"]}',
        b'{"taken_at": "soon"}',
        b"\xff\xfe",
        b'{"title": "a\\u0000b"}',
        b"[" * 100_000,
        b'{"title": "' + b"x" * 400 + b'"}',
        b" " * 1_100_000,
    ],
)
def test_read_sidecar__broken(picture: Path, limits: Limits, content: bytes) -> None:
    sidecar = picture.with_name("IMG_1.json")
    sidecar.write_bytes(content)

    with pytest.raises(InvalidText) as caught:
        read_sidecar(picture, limits)

    assert str(sidecar) in caught.value.detail
    assert caught.value.hint


def test_read_sidecar__is_not_the_picture_itself(tmp_path: Path, limits: Limits) -> None:
    picture = tmp_path / "picture.txt"
    picture.write_text("not its own caption")

    assert read_sidecar(picture, limits) == Sidecar()
