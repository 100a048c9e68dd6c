"""The moments of a picture, from each container and each format, and which of them wins."""

from datetime import UTC, datetime

import pytest
from PIL import Image

from backend.files.metadata import read_metadata, read_xmp
from backend.moments import DateCandidate, zone_of
from backend.rules.dates import choose_date
from tests.support.containers import (
    BASE,
    FORMATS,
    exif_of,
    jpeg_with_exif,
    jpeg_with_xmp,
    packet,
    with_satellite,
)
from tests.support.limits import make_limits
from tests.support.pictures import Pictures

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LIMITS = make_limits(enable_heif=True, enable_avif=True)
ORIGINAL, DIGITIZED, MODIFIED = BASE.DateTimeOriginal, BASE.DateTimeDigitized, BASE.DateTime


def chosen(data: bytes, zone: str = "UTC") -> tuple[str, str, str] | None:
    """The moment of a picture, its precision and its source."""
    found = choose_date(read_metadata(data, LIMITS).dates, zone_of(zone), NOW)
    return None if found is None else (found.taken_at.isoformat(), found.precision.label, found.source)


def moment(data: bytes, zone: str = "UTC") -> str | None:
    found = chosen(data, zone)
    return None if found is None else found[0]


def candidates(data: bytes) -> dict[str, DateCandidate]:
    return {one.source: one for one in read_metadata(data, LIMITS).dates}


@pytest.mark.parametrize("name", FORMATS)
def test_exif__in_every_format(name: str) -> None:
    photo = {ORIGINAL: "2024:05:01 12:30:00", BASE.SubsecTimeOriginal: "45", BASE.OffsetTimeOriginal: "+02:00"}

    found = chosen(FORMATS[name](None, exif_of(photo=photo)))

    assert found == ("2024-05-01T10:30:00.450000+00:00", "subsecond", "exif:DateTimeOriginal")


@pytest.mark.parametrize("name", FORMATS)
def test_xmp__in_every_format(name: str) -> None:
    found = chosen(FORMATS[name](packet("<photoshop:DateCreated>2004-05</photoshop:DateCreated>"), None))

    assert found == ("2004-05-01T00:00:00+00:00", "month", "xmp:photoshop:DateCreated")


@pytest.mark.parametrize(
    ("photo", "expected"),
    [
        pytest.param({BASE.OffsetTimeOriginal: "+02:00"}, "2024-05-01T10:30:00+00:00", id="its own zone"),
        pytest.param({BASE.OffsetTime: "+02:00"}, "2024-05-01T10:30:00+00:00", id="F17: the zone of the change"),
        pytest.param({BASE.OffsetTimeDigitized: "+02:00"}, "2024-05-01T10:30:00+00:00", id="the zone of digitizing"),
        pytest.param(
            {BASE.OffsetTime: "+09:00", BASE.OffsetTimeOriginal: "+02:00"},
            "2024-05-01T10:30:00+00:00",
            id="the nearest",
        ),
        pytest.param(
            {BASE.OffsetTimeOriginal: "   :  ", BASE.OffsetTime: "-03:30"}, "2024-05-01T16:00:00+00:00", id="blank"
        ),
        pytest.param({BASE.OffsetTimeOriginal: "Z"}, "2024-05-01T12:30:00+00:00", id="Z"),
        pytest.param({0x882A: -5}, "2024-05-01T17:30:00+00:00", id="TimeZoneOffset of EXIF's older standard"),
        pytest.param({BASE.OffsetTimeOriginal: "+99:00"}, "2024-05-01T12:30:00+00:00", id="no zone is that far"),
        pytest.param({BASE.SubsecTimeOriginal: "5"}, "2024-05-01T12:30:00.500000+00:00", id="tenths"),
        pytest.param({BASE.SubsecTimeOriginal: "045 \0"}, "2024-05-01T12:30:00.045000+00:00", id="leading zero"),
        pytest.param({BASE.SubsecTimeOriginal: "   "}, "2024-05-01T12:30:00+00:00", id="blank sub-seconds"),
        pytest.param({BASE.SubsecTimeDigitized: "99"}, "2024-05-01T12:30:00+00:00", id="sub-seconds of another moment"),
    ],
)
def test_exif__zone_and_sub_seconds(photo: dict[int, object], expected: str) -> None:
    assert moment(jpeg_with_exif(photo=photo | {ORIGINAL: "2024:05:01 12:30:00"})) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("1865:04:14 22:15:00", ("1865-04-14T22:15:00+00:00", "second")),
        ("2024-05-01 12:30:00", ("2024-05-01T12:30:00+00:00", "second")),
        ("2024/05/01 12:30:00", ("2024-05-01T12:30:00+00:00", "second")),
        ("2024:05:01T12:30:00+02:00", ("2024-05-01T10:30:00+00:00", "second")),
        ("2024: 5: 1 12: 3: 9", ("2024-05-01T12:03:09+00:00", "second")),
        ("2024:05:01 12:30:  ", ("2024-05-01T12:30:00+00:00", "minute")),
        ("2024:05:01   :  :  ", ("2024-05-01T00:00:00+00:00", "day")),
        ("2024:05:01 24:00:00", ("2024-05-02T00:00:00+00:00", "second")),
        ("2024:05:01 24:00:01", ("2024-05-01T00:00:00+00:00", "day")),
        ("2024:05:01 12:30:60", ("2024-05-01T12:31:00+00:00", "second")),
        ("2024:05:01 23:59:60.5", ("2024-05-02T00:00:00.500000+00:00", "subsecond")),
        ("2024:05:01 12:30:61", ("2024-05-01T00:00:00+00:00", "day")),
        ("2004:05:00 00:00:00", ("2004-05-01T00:00:00+00:00", "month")),
        ("2004:00:00 00:00:00", ("2004-01-01T00:00:00+00:00", "year")),
        ("2013:04:01 10:30:00 PM", ("2013-04-01T22:30:00+00:00", "second")),
        ("0000:00:00 00:00:00", None),
        ("    :  :     :  :  ", None),
        ("1904:01:01 00:00:00", None),
        ("1970:01:01 00:00:00", None),
        ("2037:01:01 00:00:00", None),
        ("2024:02:30 12:00:00", None),
        ("yesterday", None),
    ],
)
def test_exif__as_cameras_write_it(written: str, expected: tuple[str, str] | None) -> None:
    found = chosen(jpeg_with_exif(photo={ORIGINAL: written}))

    assert (None if found is None else found[:2]) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Sat, 15 Apr 2023 08:15:30 GMT", "2023-04-15T08:15:30+00:00"),
        ("Sat, 15 Apr 2023 08:15:30 +0200", "2023-04-15T06:15:30+00:00"),
        ("15 Apr 2023 8:15:30 -05:00", "2023-04-15T13:15:30+00:00"),
        ("Sat, 15 Apr 2023 08:15:30 PDT", "2023-04-15T15:15:30+00:00"),
        ("Sat, 15 Apr 2023 08:15:30", "2023-04-15T07:15:30+00:00"),
        ("Sat, 5 December 2020 23:15:30 UT", "2020-12-05T23:15:30+00:00"),
        ("Sat Apr 15 08:15:30 2023", "2023-04-15T07:15:30+00:00"),
        ("Sat Apr  5 08:15:30 UTC 2023", "2023-04-05T08:15:30+00:00"),
        ("15 Apr 2023", "2023-04-15T00:00:00+00:00"),
        ("2023-04-15T08:15:30Z", "2023-04-15T08:15:30+00:00"),
        ("2023:04:15 08:15:30", "2023-04-15T07:15:30+00:00"),
        ("Sat, 15 Xyz 2023 08:15:30 GMT", None),
        ("Sat, 15 Anf 2023 08:15:30 GMT", None),
        ("Sat, 31 Feb 2023 08:15:30 GMT", None),
    ],
)
def test_png__creation_time_as_programs_write_it(written: str, expected: str | None) -> None:
    data = Pictures.encode(Pictures.corners(), "PNG")
    data = data[:33] + Pictures.png_chunk(b"tEXt", b"Creation Time\0" + written.encode()) + data[33:]

    found = chosen(data, "Africa/Lagos")

    assert (None if found is None else (found[0], found[2])) == (expected and (expected, "png:Creation Time"))


def test_exif__original_then_digitized_then_modified() -> None:
    main, photo = {MODIFIED: "2023:11:11 11:11:11"}, {DIGITIZED: "1998:07:04 10:00:00", ORIGINAL: "1965:07:04 10:00:00"}

    assert moment(jpeg_with_exif(main, photo)) == "1965-07-04T10:00:00+00:00"
    assert moment(jpeg_with_exif(main, {DIGITIZED: photo[DIGITIZED]})) == "1998-07-04T10:00:00+00:00"
    assert moment(jpeg_with_exif(main)) == "2023-11-11T11:11:11+00:00"
    assert moment(jpeg_with_exif(main, {ORIGINAL: "0000:00:00 00:00:00"})) == "2023-11-11T11:11:11+00:00"


def test_exif__moments_in_the_main_directory() -> None:
    # As DNG and TIFF/EP have them.
    assert moment(jpeg_with_exif({ORIGINAL: "2024:05:01 12:30:00"})) == "2024-05-01T12:30:00+00:00"


def test_exif__zone_by_satellite() -> None:
    exif = with_satellite(exif_of(photo={ORIGINAL: "2024:05:01 16:15:45"}), "2024:05:01", 10, 30, 12)

    assert moment(Pictures.encode(Pictures.corners(), exif=exif)) == "2024-05-01T10:30:45+00:00"


def test_exif__satellite_alone() -> None:
    exif = with_satellite(Image.Exif(), "2024:05:01", 10, 30, 12)

    assert chosen(Pictures.encode(Pictures.corners(), exif=exif)) == (
        "2024-05-01T10:30:12+00:00",
        "second",
        "exif:GPSDateStamp",
    )


@pytest.mark.parametrize(
    ("clock", "expected"),
    [
        ((6, 5, 4.5), ("2024-05-01T06:05:04.500000+00:00", "subsecond")),
        ((6, 5.25, 0), ("2024-05-01T06:05:15+00:00", "second")),
        ((24, 0, 0), ("2024-05-02T00:00:00+00:00", "second")),
        ((25, 0, 0), ("2024-05-01T00:00:00+00:00", "day")),
    ],
)
def test_exif__decimals_of_a_satellite(clock: tuple[float, ...], expected: tuple[str, str]) -> None:
    exif = with_satellite(Image.Exif(), "2024:05:01", *clock)

    assert chosen(Pictures.encode(Pictures.corners(), exif=exif)) == (*expected, "exif:GPSDateStamp")


def test_zone_of_the_setting() -> None:
    data = jpeg_with_exif(photo={ORIGINAL: "2024:05:01 12:30:00"})

    assert moment(data, "Europe/Paris") == "2024-05-01T10:30:00+00:00"
    assert moment(data, "-09:30") == "2024-05-01T22:00:00+00:00"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([(2, 55, b"20240501"), (2, 60, b"123000+0200")], ("2024-05-01T10:30:00+00:00", "second", "iptc:DateCreated")),
        ([(2, 55, b"20240501"), (2, 60, b"123000")], ("2024-05-01T12:30:00+00:00", "second", "iptc:DateCreated")),
        ([(2, 55, b"20240501")], ("2024-05-01T00:00:00+00:00", "day", "iptc:DateCreated")),
        ([(2, 55, b"20240500")], ("2024-05-01T00:00:00+00:00", "month", "iptc:DateCreated")),
        ([(2, 55, b"18870000")], ("1887-01-01T00:00:00+00:00", "year", "iptc:DateCreated")),
        ([(2, 55, b"20240501"), (2, 60, b"garbage")], ("2024-05-01T00:00:00+00:00", "day", "iptc:DateCreated")),
        ([(2, 55, b"00000000")], None),
        ([(2, 60, b"123000+0200")], None),
        (
            [(2, 62, b"20240501"), (2, 63, b"123000-0500")],
            ("2024-05-01T17:30:00+00:00", "second", "iptc:DigitalCreationDate"),
        ),
    ],
)
def test_iptc__date_and_time(fields: list[tuple[int, int, bytes]], expected: tuple[str, str, str] | None) -> None:
    assert chosen(Pictures.with_iptc(Pictures.encode(Pictures.corners()), *fields)) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2004", ("2004-01-01T00:00:00+00:00", "year")),
        ("2004-05", ("2004-05-01T00:00:00+00:00", "month")),
        ("1887-06-01", ("1887-06-01T00:00:00+00:00", "day")),
        ("2004-05-01T12:30", ("2004-05-01T12:30:00+00:00", "minute")),
        ("2004-05-01T12:30Z", ("2004-05-01T12:30:00+00:00", "minute")),
        ("2004-05-01T12:30:15+02:00", ("2004-05-01T10:30:15+00:00", "second")),
        ("2004-05-01T12:30:15.123456789+02:00", ("2004-05-01T10:30:15.123456+00:00", "subsecond")),
        ("0000-00-00T00:00:00", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("name", ["photoshop:DateCreated", "exif:DateTimeOriginal", "xmp:CreateDate", "xmp:ModifyDate"])
def test_xmp__as_element_and_as_attribute(name: str, written: str, expected: tuple[str, str] | None) -> None:
    for data in (jpeg_with_xmp(f"<{name}>{written}</{name}>"), jpeg_with_xmp("", f'{name}="{written}"')):
        found = chosen(data)
        assert (None if found is None else found[:2]) == expected
        assert found is None or found[2] == f"xmp:{name}"


def test_xmp__of_a_sidecar() -> None:
    found = read_xmp(packet("<exif:DateTimeOriginal>2024-05-01T12:30:00</exif:DateTimeOriginal>"), LIMITS)

    assert [(one.moment, one.source) for one in found.dates] == [
        (datetime.fromisoformat("2024-05-01T12:30:00"), "xmp:exif:DateTimeOriginal")
    ]


def test_xmp__satellite_is_utc() -> None:
    data = jpeg_with_xmp(
        "<exif:DateTimeOriginal>2024-05-01T12:30:15</exif:DateTimeOriginal>"
        "<exif:GPSTimeStamp>2024-05-01T10:30:00Z</exif:GPSTimeStamp>"
    )

    assert moment(data) == "2024-05-01T10:30:15+00:00"


def test_png__creation_time() -> None:
    data = Pictures.encode(Pictures.corners(), "PNG")
    chunk = Pictures.png_chunk(b"tEXt", b"Creation Time\x002024:05:01 12:30:00")

    assert chosen(data[:-12] + chunk + data[-12:]) == ("2024-05-01T12:30:00+00:00", "second", "png:Creation Time")


def test_containers__the_most_precise_wins_wherever_it_is() -> None:
    # A photo desk writes the day into IPTC, an editor the clock into XMP, the camera all of it into EXIF.
    photo = {ORIGINAL: "2024:05:01 18:45:10", BASE.OffsetTimeOriginal: "+02:00", BASE.SubsecTimeOriginal: "07"}
    data = Pictures.with_iptc(jpeg_with_exif(photo=photo), (2, 55, b"20240501"))
    head = b"http://ns.adobe.com/xap/1.0/\0"
    data = Pictures.with_segments(
        data, (0xE1, head + packet("<photoshop:DateCreated>2024-05-01T18:45:10</photoshop:DateCreated>"))
    )

    assert chosen(data) == ("2024-05-01T16:45:10.070000+00:00", "subsecond", "exif:DateTimeOriginal")
    assert candidates(data).keys() == {"exif:DateTimeOriginal", "iptc:DateCreated", "xmp:photoshop:DateCreated"}
