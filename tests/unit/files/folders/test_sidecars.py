import errno
import json
import os
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backend.files.folders import Sidecar, SidecarReader, read_sidecar
from backend.files.limits import Limits
from backend.files.metadata import PLACE_NAMES
from backend.files.text import MediaText
from backend.moments import DateCandidate, Precision, Standing
from tests.support.pictures import Pictures

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


def test_read_sidecar__a_moment_of_an_export_keeps_its_precision_and_source(picture: Path, limits: Limits) -> None:
    exported = {"taken_at": "2019-05-01T00:00:00+00:00", "taken_at_precision": "month", "taken_at_source": "file_name"}
    picture.with_name("IMG_1.json").write_text(json.dumps({"title": "T"} | exported), encoding="utf-8")

    found = read_sidecar(picture, limits).text

    assert (found.taken_at_precision, found.taken_at_source) == ("month", "file_name")


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


def said(moment: str, standing: Standing, source: str, precision: Precision = Precision.SECOND) -> DateCandidate:
    return DateCandidate(datetime.fromisoformat(moment), precision, standing, source)


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
        MediaText(caption="Boats"),
        {"latitude_degrees": -13.4, "longitude_degrees": 48.25},
        (said("2024-05-01T10:30:00+00:00", Standing.ORIGINAL, "takeout:photoTakenTime"),),
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


XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" {attributes}>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">Zürich</rdf:li></rdf:Alt></dc:title>
<dc:subject><rdf:Bag><rdf:li>lake</rdf:li><rdf:li>swan</rdf:li></rdf:Bag></dc:subject>
</rdf:Description></rdf:RDF></x:xmpmeta>"""


GPS = 'xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="13,24.6S" exif:GPSLongitude="48,15.0E"'
DATE = 'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" photoshop:DateCreated="2024-05-01T12:30:00+02:00"'


def test_read_sidecar__xmp_place_and_date(picture: Path, limits: Limits) -> None:
    picture.with_name("IMG_1.xmp").write_text(xmp(f"{GPS} {DATE}"))

    found = read_sidecar(picture, limits)
    assert found.place == {"latitude_degrees": -13.41, "longitude_degrees": 48.25}
    assert found.dates == (said("2024-05-01T12:30:00+02:00", Standing.ORIGINAL, "xmp:photoshop:DateCreated"),)


def xmp(attributes: str = "") -> str:
    return XMP.replace("{attributes}", attributes)


@pytest.mark.parametrize("name", ["IMG_1.jpg.xmp", "IMG_1.xmp", "img_1.XMP"])
@pytest.mark.parametrize(
    "content",
    [
        xmp().encode(),
        b"\xef\xbb\xbf" + xmp().encode(),
        ('\ufeff<?xml version="1.0" encoding="UTF-16"?>' + xmp()).encode("utf-16-le"),
        (
            '\n<?xml version="1.0" encoding="UTF-8"?><?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>' + xmp()
        ).encode(),
        ('<?xml version="1.0" encoding="ISO-8859-1"?>' + xmp()).encode("latin-1"),
        (xmp() + '<?xpacket end="w"?>' + " " * 2000 + "\n").encode(),
    ],
    ids=["utf8", "utf8_mark", "utf16", "xpacket", "latin1", "padding"],
)
def test_read_sidecar__xmp(picture: Path, limits: Limits, name: str, content: bytes) -> None:
    picture.with_name(name).write_bytes(content)

    assert read_sidecar(picture, limits) == Sidecar(MediaText(title="Zürich", keywords=("lake", "swan")))


def test_read_sidecar__xmp_of_a_virtual_copy_is_not_read(picture: Path, limits: Limits) -> None:
    picture.with_name("IMG_1_01.jpg.xmp").write_text(xmp())

    assert read_sidecar(picture, limits) == Sidecar()


def test_read_sidecar__xmp_says_whose_it_is(picture: Path, limits: Limits) -> None:
    for suffix in (".jpg", ".png", ".CR2"):
        picture.with_suffix(suffix).touch()
    said = 'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" photoshop:SidecarForExtension="JPG"'
    picture.with_name("IMG_1.xmp").write_text(xmp(said))

    assert read_sidecar(picture, limits).text.title == "Zürich"
    assert read_sidecar(picture.with_suffix(".png"), limits) == Sidecar()


@pytest.mark.parametrize(
    "record",
    [
        {
            "Title": "T",
            "Description": "D",
            "Subject": ["a, b", "c"],
            "Keywords": "d",
            "City": "Nara",
            "Country": "Japan",
        },
        {"XMP:Title": "T", "IPTC:Caption-Abstract": "D", "XMP:Subject": ["a, b", "c"], "IPTC:Keywords": ["d"]}
        | {"IPTC:City": "Nara", "XMP:Country": "Japan"},
        {"XMP-dc": {"Title": "T", "Description": "D", "Subject": ["a, b", "c"]}, "IPTC": {"Keywords": "d"}}
        | {"XMP-photoshop": {"City": "Nara", "Country": "Japan"}},
    ],
    ids=["plain", "G", "g1"],
)
@pytest.mark.parametrize("is_list", [True, False])
def test_read_sidecar__exiftool(picture: Path, limits: Limits, record: dict[str, object], *, is_list: bool) -> None:
    record = {"SourceFile": "./IMG_1.jpg"} | record
    picture.with_name("IMG_1.json").write_text(json.dumps([record] if is_list else record))

    found = read_sidecar(picture, limits)

    assert (found.text.title, found.text.caption, found.text.location) == ("T", "D", "Nara, Japan")
    assert found.text.keywords == ("a, b", "c", "d")
    assert found.warnings == ()


def test_read_sidecar__exiftool_all_that_it_says(picture: Path, limits: Limits) -> None:
    record = {
        "SourceFile": "IMG_1.jpg",
        "Title": 1984,
        "ImageDescription": "D",
        "HierarchicalSubject": ["Places|Japan|Nara"],
        "PersonInImage": ["Ann"],
        "DateTimeOriginal": "2024:05:01 12:30:00",
        "OffsetTimeOriginal": "+02:00",
        "SubSecTimeOriginal": 25,
        "ModifyDate": "2025:01:01 00:00:00",
        "GPSLatitude": "13 deg 24' 36.00\" S",
        "GPSLongitude": "48 deg 15' 0.00\" E",
        "GPSAltitude": "35 m Below Sea Level",
        "Orientation": "Horizontal (normal)",
    }
    picture.with_name("IMG_1.jpg.json").write_text(json.dumps([record]))

    assert read_sidecar(picture, limits) == Sidecar(
        MediaText(
            title="1984",
            caption="D",
            keywords=("Places", "Japan", "Nara", "Ann"),
        ),
        {"latitude_degrees": -13.41, "longitude_degrees": 48.25, "altitude_meters": -35.0},
        (
            said("2024-05-01T12:30:00.250+02:00", Standing.ORIGINAL, "exiftool:datetimeoriginal", Precision.SUBSECOND),
            said("2025-01-01T00:00:00", Standing.MODIFIED, "exiftool:modifydate"),
        ),
    )


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"GPSLatitude": -13.41, "GPSLongitude": 48.25}, (-13.41, 48.25)),
        (
            {"GPSLatitude": 13.41, "GPSLatitudeRef": "S", "GPSLongitude": 48.25, "GPSLongitudeRef": "West"},
            (-13.41, -48.25),
        ),
        ({"EXIF:GPSLatitude": "13.41 S", "EXIF:GPSLongitude": "48.25 W"}, (-13.41, -48.25)),
        ({"GPSPosition": "13 deg 24' 36.00\" S, 48 deg 15' 0.00\" E"}, (-13.41, 48.25)),
        ({"GPSLatitude": "91", "GPSLongitude": "2"}, None),
        ({"GPSLatitude": 0, "GPSLongitude": 0}, None),
        ({"GPSLatitude": "here", "GPSLongitude": ["x"]}, None),
        ({"GPSLatitude": 13.41}, None),
    ],
)
def test_read_sidecar__exiftool_places(
    picture: Path, limits: Limits, values: dict[str, object], expected: tuple[float, float] | None
) -> None:
    picture.with_name("IMG_1.json").write_text(json.dumps({"SourceFile": "x/IMG_1.jpg"} | values))

    place = read_sidecar(picture, limits).place
    assert (tuple(place.values()) or None) == expected


def test_read_sidecar__a_list_of_many_gives_the_one_that_names_the_picture(picture: Path, limits: Limits) -> None:
    records = [{"SourceFile": f"holiday/{name}", "Title": name} for name in ("IMG_2.jpg", "img_1.JPG", "IMG_3.jpg")]
    picture.with_name("IMG_1.json").write_text(json.dumps(records))
    assert read_sidecar(picture, limits).text.title == "img_1.JPG"

    picture.with_name("IMG_1.json").write_text(json.dumps(records[::2]))
    found = read_sidecar(picture, limits)
    assert (found.text, len(found.warnings)) == (MediaText(), 1)


def test_read_sidecar__immich_go(picture: Path, limits: Limits) -> None:
    record = {
        "fileName": "IMG_1.jpg",
        "latitude": 37.77,
        "longitude": -122.41,
        "dateTaken": "2023-10-01T12:34:56Z",
        "description": "The bridge",
        "albums": [{"title": "Trip", "description": "x"}, {"title": "Best of"}],
        "tags": [{"value": "USA/California"}, {"value": "fog"}],
        "rating": 5,
        "fromPartner": False,
    }
    picture.with_name("IMG_1.jpg.JSON").write_text(json.dumps(record))

    assert read_sidecar(picture, limits) == Sidecar(
        MediaText(
            caption="The bridge",
            keywords=("USA", "California", "fog"),
        ),
        {"latitude_degrees": 37.77, "longitude_degrees": -122.41},
        (said("2023-10-01T12:34:56+00:00", Standing.ORIGINAL, "immich-go:dateTaken"),),
        ("Trip", "Best of"),
    )


def test_read_sidecar__google_takeout_people_and_the_place_of_the_camera(picture: Path, limits: Limits) -> None:
    changes = {
        "people": [{"name": "Ann"}, {"name": "Bea Cruz"}, {"x": 1}, "?"],
        "geoData": {"latitude": 0.0, "longitude": 0.0},
        "geoDataExif": {"latitude": 1.5, "longitude": 2.5, "altitude": 3.0},
        "title": "IMG_1.HEIC",
    }
    picture.with_name("IMG_1.jpg.json").write_text(takeout(**changes))

    found = read_sidecar(picture, limits)
    assert (found.text.title, found.text.keywords) == ("", ("Ann", "Bea Cruz"))
    assert found.place == {"latitude_degrees": 1.5, "longitude_degrees": 2.5, "altitude_meters": 3.0}


@pytest.mark.parametrize(
    "album",
    [
        {"title": "My Album", "description": "albumdesc", "access": "protected", "date": {"timestamp": "1"}},
        {"title": "My Album", "description": "albumdesc", "date": {"timestamp": "1", "formatted": "1 Jan 1970"}, "geoData": {}},
        {"albumData": {"title": "My Album", "date": {"timestamp": "1"}}, "title": "My Album", "description": "albumdesc"},
    ],
)  # fmt: skip
@pytest.mark.parametrize("names", [("metadata.jpg", "metadata.json"), ("Metadaten.jpg", "Metadaten.json")])
def test_read_sidecar__an_album_of_google_takeout_is_no_sidecar(
    tmp_path: Path, limits: Limits, album: dict[str, object], names: tuple[str, str]
) -> None:
    (tmp_path / names[1]).write_text(json.dumps(album))

    assert read_sidecar(tmp_path / names[0], limits) == Sidecar()


def test_read_sidecar__google_takeout_without_the_moment(picture: Path, limits: Limits) -> None:
    record = {"title": "IMG_1.jpg", "description": "Boats", "creationTime": {"timestamp": "1714559400"}}
    picture.with_name("IMG_1.jpg.json").write_text(json.dumps(record))

    assert read_sidecar(picture, limits) == Sidecar(MediaText(caption="Boats"))


@pytest.mark.parametrize("other", ["JSON", "XMP"])
def test_read_sidecar__people_do_not_hide_the_keywords_of_another_sidecar(
    picture: Path, limits: Limits, other: str
) -> None:
    picture.with_name("IMG_1.jpg.json").write_text(takeout(people=[{"name": "Ann"}]))
    assert read_sidecar(picture, limits).names_only
    if other == "JSON":
        picture.with_name("IMG_1.json").write_text('{"keywords": ["sea", "ann"]}')
    else:
        picture.with_name("IMG_1.xmp").write_bytes(
            Pictures.xmp("<dc:subject><rdf:Bag><rdf:li>sea</rdf:li></rdf:Bag></dc:subject>")
        )

    found = read_sidecar(picture, limits)
    assert found.text.keywords == (("sea", "ann") if other == "JSON" else ("sea", "Ann"))
    assert not found.names_only


@pytest.mark.parametrize(
    ("is_trashed", "said"), [(True, {"trashed": True}), (False, {"trashed": False, "archived": True}), (False, {})]
)
def test_read_sidecar__google_takeout_of_the_bin(
    picture: Path, limits: Limits, is_trashed: bool, said: dict[str, bool]
) -> None:
    picture.with_name("IMG_1.jpg.json").write_text(takeout(**said))

    assert read_sidecar(picture, limits).is_trashed is is_trashed


def test_read_sidecar__people_can_be_left_out(picture: Path, limits: Limits) -> None:
    picture.with_name("IMG_1.jpg.json").write_text(takeout(people=[{"name": "Ann"}]))
    assert read_sidecar(picture, limits).text.keywords == ("Ann",)
    without = replace(limits, people_as_keywords=False)
    assert read_sidecar(picture, without).text.keywords == ()

    record = {"SourceFile": "IMG_1.jpg", "Subject": ["ANN", "sea"], "PersonInImage": "Ann"}
    picture.with_name("IMG_1.jpg.json").write_text(json.dumps(record))
    assert read_sidecar(picture, without).text.keywords == ("sea",)


@pytest.mark.parametrize(
    ("record", "with_people", "without"),
    [
        (
            {
                "SourceFile": "IMG_1.jpg",
                "Subject": ["Anna", "Bob", "sea"],
                "HierarchicalSubject": ["darktable|format|jpg", "People|Anna"],
                "TagsList": ["_Digikam_Internal_Tags_/Pick Label None", "People/Bob"],
            },
            ("Anna", "Bob", "sea", "People"),
            ("sea",),
        ),
        (
            {"SourceFile": "IMG_1.jpg", "XPKeywords": "People/Anna;sea", "Keywords": ["People|Bob", "Bob", "Pick Label None"]},
            ("People|Bob", "Bob", "People/Anna", "sea"),
            ("sea",),
        ),
        (
            {"SourceFile": "IMG_1.jpg", "Subject": ["Anna", "sea"], "RegionPersonDisplayName": "Anna"},
            ("Anna", "sea"),
            ("sea",),
        ),
        (
            {
                "SourceFile": "IMG_1.jpg",
                "Subject": ["Anna", "Bob", "Cleo", "4006", "sea"],
                "RegionInfo": {"RegionList": [{"Name": "Anna", "Type": "Face"}, {"Name": "4006", "Type": "BarCode"}]},
                "RegionInfoMP": {"Regions": [{"PersonDisplayName": "Bob", "Rectangle": "0, 0, 1, 1"}]},
                "PersonInImageWDetails": [{"PersonName": "Cleo"}],
            },
            ("Anna", "Bob", "Cleo", "4006", "sea"),
            ("4006", "sea"),
        ),
        (
            {
                "fileName": "IMG_1.jpg",
                "dateTaken": "",
                "tags": [{"value": "People/Anna"}, {"value": "Anna"}, {"value": "darktable/exported"}, {"value": "sea"}],
            },
            ("People", "Anna", "sea"),
            ("sea",),
        ),
    ],
)  # fmt: skip
def test_read_sidecar__people_and_bookkeeping_as_in_a_picture(
    picture: Path, limits: Limits, record: dict[str, object], with_people: tuple[str, ...], without: tuple[str, ...]
) -> None:
    picture.with_name("IMG_1.jpg.json").write_text(json.dumps(record))

    assert read_sidecar(picture, limits).text.keywords == with_people
    assert read_sidecar(picture, replace(limits, people_as_keywords=False)).text.keywords == without


@pytest.mark.parametrize(
    "record",
    [
        {
            "SourceFile": "IMG_1.jpg",
            "Title": "DSC_0001",
            "ImageDescription": "OLYMPUS DIGITAL CAMERA",
            "UserComment": "Boats",
        },
        {"photoTakenTime": {}, "title": "IMG_1.jpg", "description": "Boats"},
        {"photoTakenTime": {}, "title": "IMG_1.jpg", "description": "SAMSUNG CAMERA PICTURES", "caption": "x"},
        {"fileName": "IMG_1.jpg", "dateTaken": "", "description": "OLYMPUS DIGITAL CAMERA"},
    ],
)
def test_read_sidecar__what_cameras_write_is_no_caption(
    picture: Path, limits: Limits, record: dict[str, object]
) -> None:
    picture.with_name("IMG_1.json").write_text(json.dumps(record))

    text = read_sidecar(picture, limits).text
    assert (text.title, text.caption) == ("", "Boats" if "Boats" in record.values() else "")


@pytest.mark.parametrize(
    ("timestamp", "year"), [("-86400", 1969), ("31536000", 1971), ("-2208988800", 1900), ("1e30", None), (None, None)]
)
def test_read_sidecar__google_takeout_of_any_time(
    picture: Path, limits: Limits, timestamp: str | None, year: int | None
) -> None:
    picture.with_name("IMG_1.jpg.json").write_text(takeout(photoTakenTime={"timestamp": timestamp}))

    assert [one.moment.year for one in read_sidecar(picture, limits).dates] == ([] if year is None else [year])


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("Zürich — ‘Limmat’".encode(), "Zürich — ‘Limmat’"),
        ("Zürich".encode("utf-8-sig"), "Zürich"),
        ("Zürich".encode("latin-1"), "Zürich"),
        ("Zürich — ‘Limmat’".encode("cp1252"), "Zürich — ‘Limmat’"),
        (b"Z\xfcrich \x81", "Zürich"),
        ("Zürich".encode("utf-16"), "Zürich"),
        ("\ufeffZürich".encode("utf-16-be"), "Zürich"),
        ("Zürich am See".encode("utf-16-le"), "Zürich am See"),
        ("東京 2024".encode("utf-16-be"), "東京 2024"),
        ("東京 2024".encode("utf-32"), "東京 2024"),
        ("Москва зимой".encode("cp1251"), "Москва зимой"),
        ("Москва зимой".encode("koi8-r"), "Москва зимой"),
        ("Příliš žluťoučký kůň".encode("cp1250"), "Příliš žluťoučký kůň"),
        ("Καλημέρα από την Αθήνα".encode("cp1253"), "Καλημέρα από την Αθήνα"),
        ("夏の海で花火を見た".encode("shift_jis"), "夏の海で花火を見た"),
        ("夏の海で花火を見た".encode("euc_jp"), "夏の海で花火を見た"),
        ("我们在北京看了长城".encode("gbk"), "我们在北京看了长城"),
        ("我們在台北看夜景".encode("big5"), "我們在台北看夜景"),
        ("서울에서 찍은 사진".encode("euc_kr"), "서울에서 찍은 사진"),
    ],
)
def test_read_sidecar__text_in_any_encoding(picture: Path, limits: Limits, content: bytes, expected: str) -> None:
    picture.with_name("IMG_1.txt").write_bytes(content)

    assert read_sidecar(picture, limits) == Sidecar(MediaText(caption=expected))


def test_read_sidecar__a_number_of_too_many_digits_is_a_warning(picture: Path, limits: Limits) -> None:
    picture.with_name("IMG_1.json").write_text('{"taken_at": ' + "9" * 10_000 + "}")

    (warning,) = read_sidecar(picture, limits).warnings
    assert "a number has too many digits" in warning.detail
    assert "sys." not in warning.detail


def test_read_sidecar__a_link_to_itself_costs_the_others_of_the_folder_nothing(picture: Path, limits: Limits) -> None:
    picture.with_name("IMG_1.json").write_text('{"title": "Harbour"}')
    for name in ("IMG_2.json", "IMG_3.jpg", "notes"):
        picture.with_name(name).symlink_to(name)

    assert read_sidecar(picture, limits) == Sidecar(MediaText(title="Harbour"))


def test_read_sidecar__what_two_could_own_is_told_and_given_to_none(picture: Path, limits: Limits) -> None:
    for suffix in (".jpg", ".png"):
        picture.with_suffix(suffix).touch()
    sidecar = picture.with_name("IMG_1.json")
    sidecar.write_text(json.dumps(RECORD))

    reader = SidecarReader(limits)
    for suffix in (".jpg", ".png"):
        found = reader.read(picture.with_suffix(suffix))
        assert found.text == MediaText()
        (warning,) = found.warnings
        assert (warning.path, warning.code) == (str(sidecar), "invalid_text")
        assert "IMG_1.jpg or IMG_1.png" in warning.detail


def test_read_sidecar__a_picture_of_any_name_does_not_take_from_others(tmp_path: Path, limits: Limits) -> None:
    (tmp_path / "A.jpg").touch()
    (tmp_path / "A.scan").touch()
    (tmp_path / "A.json").write_text('{"title": "A"}')
    (tmp_path / "A.scan.json").write_text('{"title": "scan"}')

    reader = SidecarReader(limits)
    assert reader.read(tmp_path / "A.jpg").text.title == "A"
    assert reader.read(tmp_path / "A.scan").text.title == "scan"
    assert reader.read(tmp_path / "A.jpg").text.title == "A"


@pytest.mark.parametrize(
    ("record", "text", "fields"),
    [
        ({"title": ["a"], "caption": "C"}, MediaText(caption="C"), ["title"]),
        ({"title": {"a": 1}, "location": "L", "tags": [1, None]}, MediaText(location="L"), ["title", "keywords"]),
        ({"taken_at": "soon", "title": "T"}, MediaText(title="T"), ["taken_at"]),
        ({"title": "x" * 400, "story": "S"}, MediaText(title="x" * 300, story="S"), ["title"]),
        ({"title": "a\0b"}, MediaText(title="ab"), ["title"]),
        ({"caption": "word " * 600}, MediaText(story=("word " * 600).strip()), ["caption"]),
        (
            {"keywords": [f"k{n}" for n in range(70)]},
            MediaText(keywords=tuple(f"k{n}" for n in range(64))),
            ["keywords"],
        ),
    ],
)
def test_read_sidecar__what_is_understood_is_read(
    picture: Path, limits: Limits, record: dict[str, object], text: MediaText, fields: list[str]
) -> None:
    picture.with_name("IMG_1.json").write_text(json.dumps(record))

    found = read_sidecar(picture, limits)

    assert found.text == text
    assert len(found.warnings) == len(fields)
    assert all(field in warning.detail for field, warning in zip(fields, found.warnings, strict=True))


NESTED = b"<a>" * 100_000 + b"</a>" * 100_000
BOMB = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><x>&b;&b;</x>'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("IMG_1.json", b""),
        ("IMG_1.json", b"{"),
        ("IMG_1.json", b"[]"),
        ("IMG_1.json", b'"words"'),
        ("IMG_1.json", b"[1, 2]"),
        ("IMG_1.json", b"\0\1\2\3"),
        ("IMG_1.json", b"[" * 100_000),
        ("IMG_1.json", b'{"a":' * 100_000),
        ("IMG_1.json", b"9" * 10_000),
        ("IMG_1.json", b" " * 1_100_000),
        ("IMG_1.txt", b"\x89PNG\r\n\x1a\n\0\0\0"),
        ("IMG_1.txt", b"x" * 1_100_000),
        ("IMG_1.xmp", b""),
        ("IMG_1.xmp", b"<x/>"),
        ("IMG_1.xmp", b"<x:xmpmeta"),
        ("IMG_1.xmp", NESTED),
        ("IMG_1.xmp", BOMB),
        ("IMG_1.xmp", b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>'),
        ("IMG_1.xmp", xmp().encode()[:-20]),
    ],
)
def test_read_sidecar__what_does_not_fit_is_a_warning(picture: Path, limits: Limits, name: str, content: bytes) -> None:
    sidecar = picture.with_name(name)
    sidecar.write_bytes(content)
    picture.with_name("IMG_1.jpg.txt").write_text("Boats")

    found = read_sidecar(picture, limits)

    assert found.text == MediaText(caption="Boats")
    (warning,) = found.warnings
    assert (warning.path, warning.code) == (str(sidecar), "invalid_text")
    assert warning.detail


def test_read_sidecar__one_that_cannot_be_opened_is_a_warning(
    picture: Path, limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture.with_name("IMG_1.json").write_text('{"title": "T"}')

    def refuse(path: Path, *_: object) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(os, "open", refuse)
    (warning,) = read_sidecar(picture, limits).warnings
    assert warning.code == "file_unreadable"


def test_read_sidecar__a_huge_one_costs_no_memory(picture: Path, limits: Limits) -> None:
    with picture.with_name("IMG_1.json").open("wb") as file:
        file.truncate(200 * 1024 * 1024)

    tracemalloc.start()
    found = read_sidecar(picture, limits)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert len(found.warnings) == 1
    assert most < 8 * 1024 * 1024


def test_read_sidecar__is_not_the_picture_itself(tmp_path: Path, limits: Limits) -> None:
    picture = tmp_path / "picture.txt"
    picture.write_text("not its own caption")

    assert read_sidecar(picture, limits) == Sidecar()
