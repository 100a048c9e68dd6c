"""The page about metadata names the tags of exiftool that are read, in their order; and what records say of groups and moments."""

import re
from pathlib import Path
from typing import Any

import pytest

from backend.files.folders import foreign_records as code
from backend.moments import Standing

PAGE = (Path(__file__).parents[4] / "docs/reference/metadata.md").read_text(encoding="utf-8")
SECTION = PAGE.split("\n## Sidecars of other programs\n")[1].split("\n## ")[0]
LINES = [
    [cell.strip() for cell in line.strip("|").split("|")] for line in SECTION.splitlines() if line.startswith("| ")
]
EXIFTOOL = {cells[0]: cells[3] for cells in LINES}


def tags(cell: str) -> list[str]:
    return [tag.casefold() for tag in re.findall(r"`([\w-]+)`", cell)]


def test_reference__tags_of_exiftool() -> None:
    assert tags(EXIFTOOL["title"]) == list(code._TITLES)
    assert tags(EXIFTOOL["caption"]) == list(code._CAPTIONS)
    assert tags(EXIFTOOL["keywords"]) == [*code._KEYWORDS, "xpkeywords", *code._TREES, code._CATEGORIES]
    assert tags(EXIFTOOL["people"]) == list(code._PEOPLE)
    assert tags(EXIFTOOL["location"]) == [
        *(name for names in code._PLACES for name in names),
        *code._LOCATIONS,
    ]


def test_reference__dates_of_exiftool_by_their_standing() -> None:
    declared = {standing: [name for name, one, *_ in code._MOMENTS if one is standing] for standing in Standing}
    said = (part.partition(": ") for part in EXIFTOOL["dates"].split("; "))

    assert {Standing[name.upper()]: tags(part) for name, _, part in said} == {
        standing: names for standing, names in declared.items() if names
    }


TAGS: dict[str, dict[str, Any]] = {
    "IFD0": {"ImageDescription": "words", "XPKeywords": "xp;yp", "ModifyDate": "2004:05:01 12:00:00"},
    "GPS": {
        "GPSLatitudeRef": "North", "GPSLatitude": "47 deg 30' 0.00\"",
        "GPSLongitudeRef": "West", "GPSLongitude": "8 deg 30' 0.00\"",
    },
    "PNG": {"Title": "title", "CreationTime": "2003:04:15 08:15:30"},
    "XMP-dc": {"Subject": ["a", "b"]},
}  # fmt: skip


def described(tags: dict[str, Any]) -> dict[str, Any]:
    return {name: {"desc": f"The {name}", "val": value} for name, value in tags.items()}


def counted(tags: dict[str, Any]) -> dict[str, Any]:
    return {name: {"id": 270, "table": "Exif::Main", "num": 1, "val": value} for name, value in tags.items()}


ALL = {name: value for group in TAGS.values() for name, value in group.items()}
STRUCTURE = {"CreatorContactInfo": {"Title": "not this", "ImageDescription": "nor this"}}


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(ALL, id="plain"),
        pytest.param({**STRUCTURE, **ALL}, id="-struct"),
        pytest.param(TAGS, id="-g1"),
        pytest.param({"Main": ALL}, id="-g3"),
        pytest.param({"Image": ALL, "Time": {}, "Location": {"City": ""}}, id="-g2"),
        pytest.param({f"JPEG-APP1-{name}": tags for name, tags in TAGS.items()}, id="-g5"),
        pytest.param({f"EXIF:{name}": tags for name, tags in TAGS.items()}, id="-g0:1"),
        pytest.param({f"{name}:{tag}": one for name, tags in TAGS.items() for tag, one in tags.items()}, id="-G1"),
        pytest.param(described(ALL), id="-l"),
        pytest.param(counted(ALL), id="-D -t"),
        pytest.param({name: described(tags) for name, tags in TAGS.items()}, id="-l -g1"),
    ],
)
def test_read_exiftool__in_every_shape(record: dict[str, object]) -> None:
    found = code.read_foreign({"SourceFile": "a.jpg", **record})

    words = found.words
    assert (words["title"], words["caption"], words["keywords"]) == ("title", "words", ["a", "b", "xp", "yp"])
    assert {one.source: one.moment.isoformat() for one in found.dates} == {
        "exiftool:creationtime": "2003-04-15T08:15:30",
        "exiftool:modifydate": "2004-05-01T12:00:00",
    }
    assert found.place == {"latitude_degrees": 47.5, "longitude_degrees": -8.5}
    assert found.file_name == "a.jpg"


@pytest.mark.parametrize(
    "record",
    [
        {
            "title": "My Album",
            "description": "words",
            "access": "protected",
            "date": {"timestamp": "1", "formatted": ""},
        },
        {"title": "My Album", "description": "words", "date": {"timestamp": "0"}},
        {"albumData": {"title": "My Album", "description": "words"}, "title": "My Album"},
    ],
)
def test_read_foreign__an_album_of_takeout_says_nothing_of_a_picture(record: dict[str, object]) -> None:
    assert code.read_foreign(record) == code.ForeignRecord({})


def test_read_foreign__a_record_of_our_own_may_have_a_date() -> None:
    record = {"title": "A cup", "date": "2024-05-01"}

    assert code.read_foreign(record).words == record


def test_read_exiftool__the_path_of_a_group_is_no_keyword() -> None:
    found = code.read_foreign(
        {
            "SourceFile": "A.jpg.xmp",
            "Subject": ["sea"],
            "HierarchicalSubject": ["sea", "mediacluster|Lighthouses"],
            "TagsList": ["sea", "mediacluster/Lighthouses"],
        }
    )
    assert set(found.words["keywords"]) == {"sea"}


@pytest.mark.parametrize(
    ("source", "standing"),
    [
        ("given", Standing.GIVEN),
        ("file_name", Standing.GUESSED),
        ("exif:DateTimeOriginal", Standing.ORIGINAL),
        ("xmp:xmp:CreateDate", Standing.DIGITIZED),
        ("exiftool:modifydate", Standing.MODIFIED),
        ("exiftool:gpsdatetime", Standing.SATELLITE),
        ("takeout:photoTakenTime", Standing.ORIGINAL),
    ],
)
def test_standing_of__every_kind_of_source(source: str, standing: Standing) -> None:
    assert code.standing_of(source) is standing


SIDES = {
    "de": ("Nördliche Breite", "Südliche Breite", "Östliche Länge", "Westliche Länge"),
    "pl": ("Szerokości północnej", "Szerokości południowej", "Długości wschodniej", "Długości zachodniej"),
    "cs": ("Severní šířka", "Jižní šířka", "Východní délka", "Západní délka"),
    "fr": ("Nord", "Sud", "Est", "Ouest"),
    "ja": ("北緯", "南緯", "東経", "西経"),
    "en": ("North", "South", "East", "West"),
    "-n": ("N", "S", "E", "W"),
}


@pytest.mark.parametrize("language", SIDES)
@pytest.mark.parametrize("is_south", [True, False])
@pytest.mark.parametrize("is_west", [True, False])
def test_exiftool__tells_the_side_of_the_earth_in_any_language(language: str, is_south: bool, is_west: bool) -> None:
    """In Polish and Czech, north begins with an S."""
    sides = SIDES[language]
    record = {"SourceFile": "a.jpg", "GPSLatitude": "47 deg 30' 0.00\"", "GPSLatitudeRef": sides[is_south]}
    record |= {"GPSLongitude": "8 deg 30' 0.00\"", "GPSLongitudeRef": sides[2 + is_west]}

    assert code.read_foreign(record).place == {
        "latitude_degrees": -47.5 if is_south else 47.5,
        "longitude_degrees": -8.5 if is_west else 8.5,
    }


@pytest.mark.parametrize(
    ("side", "height"),
    [
        ("Below Sea Level", -12.0),
        (1, -12.0),
        ("Höhe unter Normal-Null (Meeresspiegel)", -12.0),
        ("Above Sea Level", 12.0),
        (0, 12.0),
        ("Höhe über Normal-Null (Meeresspiegel)", 12.0),
    ],
)
def test_exiftool__tells_the_side_of_the_sea_in_any_language(side: object, height: float) -> None:
    record = {"SourceFile": "a.jpg", "GPSLatitude": 1.0, "GPSLongitude": 2.0, "GPSAltitude": "12 m"}

    assert code.read_foreign(record | {"GPSAltitudeRef": side}).place["altitude_meters"] == height


@pytest.mark.parametrize(
    "told",
    [
        {"LocationShownCity": "Basel", "LocationShownCountryName": "Schweiz", "LocationCreatedCity": "Bern"},
        {"LocationShown": [{"CountryName": "Schweiz", "City": "Basel"}], "LocationCreated": [{"City": "Bern"}]},
    ],
    ids=["flat", "-struct"],
)
def test_exiftool__locations_of_iptc_are_read_where_there_are_no_others(told: dict[str, Any]) -> None:
    assert code.read_foreign({"SourceFile": "a.jpg"} | told).words["location"] == "Basel, Schweiz"
    assert code.read_foreign({"SourceFile": "a.jpg", "City": "Genf"} | told).words["location"] == "Genf"


def test_exiftool__what_is_read_in_xmp_is_read_in_its_json() -> None:
    categories = '<Categories><Category Assigned="0">Sea<Category Assigned="1">Boats</Category></Category></Categories>'
    record = {"SourceFile": "a.jpg", "SupplementalCategories": ["Travel"], "Categories": categories}

    assert code.read_foreign(record).words["keywords"] == ["Travel", "Sea", "Boats"]
    for name in ("Caption", "XPSubject", "AltTextAccessibility", "ExtDescrAccessibility"):
        assert code.read_foreign({"SourceFile": "a.jpg", name: "words"}).words["caption"] == "words"
