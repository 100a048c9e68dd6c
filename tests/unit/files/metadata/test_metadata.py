import io
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import IFDRational

from backend.files.limits import Limits
from backend.files.metadata import EmbeddedMetadata, read_metadata
from backend.files.text import MediaText
from backend.rules.dates import choose_date
from tests.support.limits import make_limits

BASE, GPS = ExifTags.Base, ExifTags.GPS


NOW = datetime(2026, 1, 1, tzinfo=UTC)


def text_of(data: bytes, limits: Limits) -> MediaText:
    """The text of a picture, with the moment that is chosen among all that it says."""
    found = read_metadata(data, limits)
    assert found.text.taken_at is None
    chosen = choose_date(found.dates, UTC, NOW)
    return found.text if chosen is None else found.text.with_date(chosen.taken_at, chosen.precision, chosen.source)


def utf16(words: str) -> bytes:
    return words.encode("utf-16-le") + b"\0\0"


def camera_exif() -> Image.Exif:
    exif = Image.Exif()
    exif[BASE.Make], exif[BASE.Model], exif[BASE.Orientation] = "Canon\0", "EOS 80D", 1
    exif[BASE.ImageDescription] = "Fischer am Strand"
    exif[BASE.XPTitle], exif[BASE.XPKeywords] = utf16("Möwen 🐦"), utf16("sea;sun; ;Sea")
    exif[BASE.XPComment] = utf16("a comment")
    photo = exif.get_ifd(ExifTags.IFD.Exif)
    photo[BASE.DateTimeOriginal], photo[BASE.OffsetTimeOriginal] = "2024:05:01 12:30:00", "+02:00"
    photo[BASE.ExposureTime], photo[BASE.FNumber] = IFDRational(1, 250), IFDRational(28, 10)
    photo[BASE.ISOSpeedRatings], photo[BASE.FocalLength], photo[BASE.LensModel] = 400, IFDRational(50, 1), "EF50mm"
    gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    gps[GPS.GPSLatitudeRef], gps[GPS.GPSLatitude] = "S", (IFDRational(13), IFDRational(24), IFDRational(36))
    gps[GPS.GPSLongitudeRef], gps[GPS.GPSLongitude] = "E", (IFDRational(48), IFDRational(15), IFDRational(0))
    gps[GPS.GPSAltitudeRef], gps[GPS.GPSAltitude] = b"\x01", IFDRational(125, 10)
    return exif


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
def test_read_metadata__exif(pictures: Any, limits: Limits, name: str) -> None:
    data = pictures.encode(pictures.corners(), name, exif=camera_exif())
    found = read_metadata(data, limits)

    assert text_of(data, limits) == MediaText(
        title="Möwen 🐦",
        caption="Fischer am Strand",
        keywords=("sea", "sun"),
        taken_at=datetime(2024, 5, 1, 12, 30, tzinfo=timezone(timedelta(hours=2))),
    )
    assert found.exif == {
        "make": "Canon",
        "model": "EOS 80D",
        "orientation": 1,
        "lens_model": "EF50mm",
        "date_time_original": "2024:05:01 12:30:00",
        "offset_time_original": "+02:00",
        "exposure_seconds": 0.004,
        "f_number": 2.8,
        "iso": 400,
        "focal_length_mm": 50.0,
        "latitude_degrees": -13.41,
        "longitude_degrees": 48.25,
        "altitude_meters": -12.5,
    }


def test_read_metadata__camera_without_zone_counts_as_utc(pictures: Any, limits: Limits) -> None:
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[BASE.DateTimeOriginal] = "2024:05:01 12:30:00"

    found = text_of(pictures.encode(pictures.corners(), exif=exif), limits)

    assert found.taken_at == datetime(2024, 5, 1, 12, 30, tzinfo=UTC)


def test_read_metadata__comment_where_there_is_no_description(pictures: Any, limits: Limits) -> None:
    exif = Image.Exif()
    exif[BASE.ImageDescription], exif[BASE.XPComment] = "   ", utf16("a comment")

    assert read_metadata(pictures.encode(pictures.corners(), exif=exif), limits).text.caption == "a comment"


def test_read_metadata__camera_default_is_no_caption(pictures: Any, limits: Limits) -> None:
    exif = Image.Exif()
    exif[BASE.ImageDescription] = "OLYMPUS DIGITAL CAMERA         "

    assert read_metadata(pictures.encode(pictures.corners(), exif=exif), limits).text.is_empty


def test_read_metadata__exif_text_in_utf8(pictures: Any, limits: Limits) -> None:
    words = "Žluťoučký kůň".encode()
    exif = Image.Exif()
    exif[BASE.ImageDescription] = "x" * len(words)
    data = pictures.encode(pictures.corners(), exif=exif).replace(b"x" * len(words), words)

    assert read_metadata(data, limits).text.caption == "Žluťoučký kůň"


def test_read_metadata__values_are_safe_as_json(pictures: Any, limits: Limits) -> None:
    exif = Image.Exif()
    exif[BASE.Make], exif[BASE.Software] = "a\0b", "x" * 5000
    photo = exif.get_ifd(ExifTags.IFD.Exif)
    photo[BASE.ExposureTime], photo[BASE.FNumber] = IFDRational(0, 0), IFDRational(1, 0)
    gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    gps[GPS.GPSLatitude], gps[GPS.GPSLongitude] = (IFDRational(400), IFDRational(0), IFDRational(0)), (IFDRational(1),)

    found = read_metadata(pictures.encode(pictures.corners(), exif=exif), limits).exif

    assert set(found) == {"make", "software"}
    assert found["make"] == "a"
    assert found["software"] == "x" * 300
    json.dumps(found, allow_nan=False)


def test_read_metadata__zeros_are_no_place(pictures: Any, limits: Limits) -> None:
    exif = Image.Exif()
    zeros = (IFDRational(0), IFDRational(0), IFDRational(0))
    gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    gps[GPS.GPSLatitude], gps[GPS.GPSLongitude] = zeros, zeros

    assert read_metadata(pictures.encode(pictures.corners(), exif=exif), limits).exif == {}


IPTC = [
    (2, 5, "Schöner Titel"),
    (2, 120, "Größe"),
    (2, 25, "Meer"),
    (2, 25, "Küste"),
    (2, 90, "Köln"),
    (2, 95, "NRW"),
    (2, 101, "Deutschland"),
    (2, 55, "20240501"),
    (2, 60, "123000+0200"),
]
IPTC_TEXT = MediaText(
    title="Schöner Titel",
    caption="Größe",
    keywords=("Meer", "Küste"),
    location="Köln, NRW, Deutschland",
    taken_at=datetime(2024, 5, 1, 10, 30, tzinfo=UTC),
)


@pytest.mark.parametrize(("declared", "encoding"), [([(1, 90, b"\x1b%G")], "utf-8"), ([], "utf-8"), ([], "latin-1")])
def test_read_metadata__iptc(
    pictures: Any, limits: Limits, declared: list[tuple[int, int, bytes]], encoding: str
) -> None:
    fields = [(record, dataset, words.encode(encoding)) for record, dataset, words in IPTC]

    data = pictures.with_iptc(pictures.encode(pictures.corners()), *declared, *fields)

    assert text_of(data, limits) == IPTC_TEXT


def test_read_metadata__iptc_cut_off_keeps_what_came_before(pictures: Any, limits: Limits) -> None:
    data = pictures.with_iptc(pictures.encode(pictures.corners()), (2, 5, b"Title"), (2, 120, b"Caption"))

    assert read_metadata(data.replace(b"\x1c\x02\x78", b"\x99\x02\x78"), limits).text == MediaText(title="Title")


XMP = """
  <dc:title><rdf:Alt><rdf:li xml:lang="de">Titel</rdf:li><rdf:li xml:lang="x-default">Title</rdf:li></rdf:Alt></dc:title>
  <dc:description><rdf:Alt><rdf:li xml:lang="x-default">A &lt;b&gt;red&lt;/b&gt; sun</rdf:li></rdf:Alt></dc:description>
  <dc:subject><rdf:Bag><rdf:li>sea</rdf:li><rdf:li>sün</rdf:li></rdf:Bag></dc:subject>
  <other:title>not this</other:title>
  <photoshop:City>Hell-Ville</photoshop:City><photoshop:State>Diana</photoshop:State>
  <photoshop:Country>Madagascar</photoshop:Country>
  <Iptc4xmpCore:Location>Nosy Be</Iptc4xmpCore:Location>
  <photoshop:DateCreated>2024-05-01T12:30:00+02:00</photoshop:DateCreated>
"""
XMP_TEXT = MediaText(
    title="Title",
    caption="A red sun",
    keywords=("sea", "sün"),
    location="Nosy Be, Hell-Ville, Diana, Madagascar",
    taken_at=datetime(2024, 5, 1, 10, 30, tzinfo=UTC),
)


def test_read_metadata__xmp_in_jpeg(pictures: Any, limits: Limits) -> None:
    assert text_of(pictures.with_xmp(pictures.encode(pictures.corners()), XMP), limits) == XMP_TEXT


def test_read_metadata__xmp_in_webp(pictures: Any, limits: Limits) -> None:
    assert text_of(pictures.encode(pictures.corners(), "WEBP", xmp=pictures.xmp(XMP)), limits) == XMP_TEXT


@pytest.mark.parametrize("after_pixels", [False, True])
def test_read_metadata__xmp_in_png(pictures: Any, limits: Limits, after_pixels: bool) -> None:
    data = pictures.encode(pictures.corners(), "PNG")
    chunk = pictures.png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + pictures.xmp(XMP))
    at = len(data) - 12 if after_pixels else 33

    assert text_of(data[:at] + chunk + data[at:], limits) == XMP_TEXT


def test_read_metadata__xmp_as_attributes(pictures: Any, limits: Limits) -> None:
    data = pictures.with_xmp(pictures.encode(pictures.corners()), "").replace(
        b'rdf:about=""', b'rdf:about="" photoshop:City="K\xc3\xb6ln"', 1
    )
    size = int.from_bytes(data[4:6], "big") + len(b' photoshop:City="K\xc3\xb6ln"')
    data = data[:4] + size.to_bytes(2, "big") + data[6:]

    assert read_metadata(data, limits).text.location == "Köln"


def test_read_metadata__xmp_before_iptc_before_exif(pictures: Any, limits: Limits) -> None:
    exif = Image.Exif()
    exif[BASE.XPTitle], exif[BASE.ImageDescription] = utf16("exif title"), "exif caption"
    exif[BASE.XPKeywords] = utf16("exif")
    data = pictures.encode(pictures.corners(), exif=exif)
    data = pictures.with_iptc(data, (2, 5, b"iptc title"), (2, 120, b"iptc caption"))
    data = pictures.with_xmp(data, "<dc:title>xmp title</dc:title>")

    text = read_metadata(data, limits).text

    assert (text.title, text.caption, text.keywords) == ("xmp title", "iptc caption", ("exif",))


def test_read_metadata__xmp_entity_bomb(pictures: Any, limits: Limits) -> None:
    packet = b'<!DOCTYPE x [<!ENTITY a "boom">]>' + pictures.xmp("<dc:title>&a;</dc:title>")
    data = pictures.with_segments(
        pictures.with_iptc(pictures.encode(pictures.corners()), (2, 120, b"still here")),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet),
    )

    assert text_of(data, limits) == MediaText(caption="still here")


@pytest.mark.parametrize("after_pixels", [False, True])
def test_read_metadata__png_text(pictures: Any, limits: Limits, after_pixels: bool) -> None:
    chunks = pictures.png_chunk(b"tEXt", b"Title\0Caf\xe9") + pictures.png_chunk(
        b"iTXt", b"Description\0\0\0\0\0" + "Größe".encode()
    )
    data = pictures.encode(pictures.corners(), "PNG")
    at = len(data) - 12 if after_pixels else 33

    assert read_metadata(data[:at] + chunks + data[at:], limits).text == MediaText(title="Café", caption="Größe")


def test_read_metadata__png_with_exif_as_text(pictures: Any, limits: Limits) -> None:
    # As ImageMagick writes it.
    exif = camera_exif().tobytes()
    info = PngInfo()
    info.add_text("Raw profile type exif", f"\nexif\n{len(exif):8d}\n{exif.hex()}\n", zip=True)

    found = read_metadata(pictures.encode(pictures.corners(), "PNG", pnginfo=info), limits)

    assert found.exif["make"] == "Canon"


def test_read_metadata__too_long_is_cut(pictures: Any) -> None:
    info = PngInfo()
    info.add_text("Title", "word " * 1000)

    found = read_metadata(
        pictures.encode(pictures.corners(), "PNG", pnginfo=info), make_limits(max_title_characters=12)
    )

    assert found.text.title == "word word"


@pytest.mark.parametrize("data", [b"", b"hello", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\0\0\0\0WEBP"])
def test_read_metadata__no_picture(limits: Limits, data: bytes) -> None:
    assert read_metadata(data, limits) == EmbeddedMetadata()


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(max_examples=150)
@given(data=st.data(), name=st.sampled_from(["JPEG", "PNG", "WEBP"]))
def test_read_metadata__never_raises_on_damage(pictures: Any, data: st.DataObject, name: str) -> None:
    whole = pictures.encode(pictures.corners(), name, exif=camera_exif())
    if name == "JPEG":
        whole = pictures.with_xmp(pictures.with_iptc(whole, (2, 5, b"Title")), XMP)
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))

    found = read_metadata(bytes(damaged), make_limits())

    assert "\0" not in json.dumps([found.exif, found.text.title, found.text.caption], allow_nan=False)
    assert "\\u0000" not in json.dumps([found.exif, found.text.title, found.text.caption])


def test_read_metadata__decodes_no_pixel(pictures: Any, limits: Limits) -> None:
    # A picture whose pixels are gone still tells its metadata.
    info = PngInfo()
    info.add_text("Title", "here")
    data = pictures.encode(Image.open(io.BytesIO(pictures.photograph("coffee.png"))), "PNG", pnginfo=info)
    at, end = data.index(b"IDAT") - 4, data.rindex(b"IEND") - 4

    assert read_metadata(data[:at] + pictures.png_chunk(b"IDAT", b"junk") + data[end:], limits).text.title == "here"
