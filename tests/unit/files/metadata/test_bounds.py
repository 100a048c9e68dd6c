"""Metadata that is too large, hostile or damaged costs itself and a warning, never the picture."""

import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from backend.files.decoding import inspect_picture
from backend.files.decoding.pixels import decode_picture
from backend.files.folders import read_sidecar
from backend.files.metadata import read_metadata, read_xmp
from tests.support.containers import BASE, FORMATS, bag, exif_of, jpeg_with_xmp, packet
from tests.support.limits import make_limits
from tests.support.pictures import Pictures

LIMITS = make_limits(enable_heif=True, enable_avif=True)
MEBIBYTE = 1024 * 1024


# Pillow warns of values that are cut off.
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WebP", "AVIF"])
def test_exif__what_is_over_the_limit_is_left_out(name: str) -> None:
    exif = exif_of({BASE.ImageDescription: "A walk"}, {BASE.DateTimeOriginal: "2024:05:01 12:30:00"})
    block = exif.tobytes()
    # The comment is written last, so only it is beyond the limit.
    exif[BASE.XPComment] = ("x" * 40_000).encode("utf-16-le")
    if name == "JPEG":  # Pillow writes one segment only
        parts = exif.tobytes()
        plain = Pictures.encode(Pictures.corners())
        segments = [(0xE1, b"Exif\0\0" + parts[at : at + 60_000]) for at in range(6, len(parts), 60_000)]
        data = Pictures.with_segments(plain, *segments)
    else:
        data = FORMATS[name](None, exif)

    found = read_metadata(data, LIMITS)

    assert inspect_picture(data, LIMITS).width in {40, 64}
    assert found.text.caption == "A walk"
    assert inspect_picture(data, make_limits(max_exif_bytes=MEBIBYTE)).warnings == ()
    assert [one.source for one in found.dates] == ["exif:DateTimeOriginal"]
    (warning,) = inspect_picture(data, LIMITS).warnings
    assert "65,536 are read" in warning.detail
    assert inspect_picture(FORMATS["JPEG"](None, exif_of()), LIMITS).warnings == ()
    assert len(block) < LIMITS.max_exif_bytes


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_exif__five_mebibytes_are_quick() -> None:
    exif = Image.Exif()
    exif[BASE.Orientation] = 6
    exif[BASE.XPComment] = bytes(5 * MEBIBYTE)
    data = Pictures.encode(Pictures.corners(), "WEBP", exif=exif)

    started = time.thread_time()
    found = read_metadata(data, LIMITS)

    assert time.thread_time() - started < 2.0
    assert found.exif == {"orientation": 6}
    assert [one.code for one in inspect_picture(data, LIMITS).warnings] == ["exif_too_long"]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_exif__nothing_beyond_the_limit_is_read() -> None:
    data = FORMATS["WebP"](None, exif_of({BASE.XPComment: ("x" * 40_000).encode("utf-16-le")}))

    assert read_metadata(data, LIMITS).text.is_empty
    assert read_metadata(data, make_limits(max_exif_bytes=MEBIBYTE)).text.caption.startswith("xxx")


HOSTILE = {
    "entities": b'<!DOCTYPE x [<!ENTITY a "boom">]>' + packet("<dc:title>&a;</dc:title>"),
    "billion laughs": b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    + packet("<dc:title>&b;&b;</dc:title>"),
    "external entity": b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + packet("<dc:title>&a;</dc:title>"),
    "a document type": b"<!DOCTYPE x>" + packet("<dc:title>title</dc:title>"),
    "cut off": packet("<dc:title>title</dc:title>")[:300],
    "no XML": b"hello",
    "undeclared prefix": packet("<nobody:title>x</nobody:title>"),
    "unknown encoding": b'<?xml version="1.0" encoding="klingon"?>' + packet("<dc:title>title</dc:title>"),
    "larger than is read": packet(f"<dc:title>{'x' * MEBIBYTE}</dc:title>"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_xmp__hostile_packets_are_left_out(kind: str) -> None:
    data = FORMATS["WebP"](HOSTILE[kind], exif_of({BASE.ImageDescription: "still here"}))

    found = read_metadata(data, LIMITS)

    assert (found.text.title, found.text.caption) == ("", "still here")
    assert len(found.warnings) == 1
    assert "XMP" in found.warnings[0]
    assert "left out" in found.warnings[0]
    assert read_xmp(HOSTILE[kind], LIMITS).text.is_empty


@pytest.mark.parametrize(
    "properties",
    [
        "<dc:subject>" + "<rdf:Bag><rdf:li>" * 20_000 + "deep" + "</rdf:li></rdf:Bag>" * 20_000 + "</dc:subject>",
        "<dc:subject>" + "<dc:x>" * 60_000 + "deep" + "</dc:x>" * 60_000 + "</dc:subject>",
        "<mwg-rs:Regions>" + "<rdf:li>" * 40_000 + "</rdf:li>" * 40_000 + "</mwg-rs:Regions>",
        "<mwg-kw:Keywords><mwg-kw:Hierarchy>"
        + "<rdf:Bag><rdf:li mwg-kw:Keyword='x'><mwg-kw:Children>" * 8_000
        + "</mwg-kw:Children></rdf:li></rdf:Bag>" * 8_000
        + "</mwg-kw:Hierarchy></mwg-kw:Keywords>",
        f"<dc:subject>{bag(*('word' + str(n) for n in range(30_000)))}</dc:subject>",
        f"<lr:hierarchicalSubject>{bag('|'.join(map(str, range(150_000))))}</lr:hierarchicalSubject>",
        f"<dc:description>{'&lt;p&gt;' * 80_000}</dc:description>",
        "<acdsee:categories><![CDATA[" + "<c Assigned='1'>x" * 30_000 + "</c>" * 30_000 + "]]></acdsee:categories>",
        "<acdsee:categories><![CDATA[<c>"
        + "x" * 60_000
        + "<c Assigned='1'>y</c>" * 30_000
        + "</c>]]></acdsee:categories>",
    ],
    ids=[
        "nested lists",
        "nested elements",
        "nested regions",
        "deep tree",
        "many keywords",
        "long path",
        "markup",
        "deep categories",
        "long categories",
    ],
)
def test_xmp__size_and_depth_are_no_endless_work(properties: str) -> None:
    assert len(packet(properties)) < MEBIBYTE
    started = time.thread_time()

    found = read_xmp(packet(properties), LIMITS)

    assert time.thread_time() - started < 5.0
    assert len(found.text.keywords) <= LIMITS.max_keywords


def test_xmp__control_characters_cost_only_themselves() -> None:
    found = read_metadata(jpeg_with_xmp("<dc:title>ti\x0btle</dc:title>"), LIMITS)

    assert (found.text.title, found.warnings) == ("title", ())


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-16-le"])
def test_xmp__in_each_encoding(encoding: str) -> None:
    words = packet("<dc:title>Größe</dc:title>").decode()
    start = words.index("<x:xmpmeta")
    head = f'<?xml version="1.0" encoding="{encoding.removesuffix("-sig")}"?>' if encoding.startswith("utf-16-") else ""

    assert read_xmp((head + words[start:]).encode(encoding), LIMITS).text.title == "Größe"


@pytest.mark.parametrize(
    ("encoding", "words"),
    [("GB2312", "北京"), ("gb18030", "北京"), ("Shift_JIS", "東京"), ("EUC-KR", "서울"), ("Big5", "台北"), ("koi8-r", "Москва"), ("ISO-8859-1", "Größe")],
)  # fmt: skip
def test_xmp__in_the_encoding_that_it_declares(tmp_path: Path, encoding: str, words: str) -> None:
    said = packet(f"<dc:title>{words}</dc:title>").decode()
    raw = f'<?xml version="1.0" encoding="{encoding}"?>{said[said.index("<x:xmpmeta") :]}'.encode(encoding, "ignore")
    (tmp_path / "a.xmp").write_bytes(raw)

    assert read_xmp(raw, LIMITS).text.title == words
    assert read_sidecar(tmp_path / "a.jpg", LIMITS).text.title == words


def _png_with(*chunks: bytes) -> bytes:
    plain = Pictures.encode(Pictures.corners(), "PNG")
    words = Pictures.png_chunk(b"tEXt", b"Description\0still here")
    return plain[:33] + words + b"".join(chunks) + plain[33:]


def _packed(kind: bytes, size: int, name: bytes = b"Title") -> bytes:
    head = {b"zTXt": b"\0\0", b"iCCP": b"\0\0", b"iTXt": b"\0\1\0\0\0"}[kind]
    return Pictures.png_chunk(kind, name + head + zlib.compress(b"x" * size, 9))


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: [_packed(b"zTXt", 200 * MEBIBYTE)], "metadata_damaged"),
        (lambda: [_packed(b"iTXt", 20 * MEBIBYTE)], "metadata_damaged"),
        (lambda: [_packed(b"iTXt", 20 * MEBIBYTE, b"XML:com.adobe.xmp")], "metadata_damaged"),
        (lambda: [_packed(b"iCCP", 20 * MEBIBYTE)], "color_profile_ignored"),
        (lambda: [_packed(b"zTXt", MEBIBYTE)] * 3_000, "metadata_damaged"),
        (lambda: [_packed(b"zTXt", 1)] * 20_000, "metadata_damaged"),
        (lambda: [Pictures.png_chunk(b"zTXt", b"Title\0\7words")], "metadata_damaged"),
        (lambda: [Pictures.png_chunk(b"iCCP", b"name")], "metadata_damaged"),
        (lambda: [Pictures.png_chunk(b"gAMA", b"\0")], "metadata_damaged"),
        (lambda: [Pictures.png_chunk(b"pHYs", b"")], "metadata_damaged"),
    ],
    ids=[
        "one text", "one international text", "XMP", "profile", "many long ones", "many short ones", "packed otherwise",
        "no profile", "short gamma", "no resolution",
    ],
)  # fmt: skip
def test_png__texts_that_unpack_to_too_much_cost_only_themselves(make: Callable[[], list[bytes]], code: str) -> None:
    data = _png_with(*make())
    started = time.thread_time()

    found, said = inspect_picture(data, LIMITS), read_metadata(data, LIMITS)

    assert time.thread_time() - started < 3.0
    assert (found.width, found.height, said.text.caption) == (40, 24, "still here")
    assert [one.code for one in found.warnings] == [code]
    assert decode_picture(data, LIMITS).size == (40, 24)


def test_png__long_texts_are_no_bombs() -> None:
    data = _png_with(_packed(b"zTXt", MEBIBYTE - 1), Pictures.png_chunk(b"tEXt", b"Other\0" + b"x" * 3 * MEBIBYTE))

    assert inspect_picture(data, LIMITS).warnings == ()
