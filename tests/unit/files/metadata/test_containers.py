"""Where programs put EXIF, IPTC and XMP other than the standards say: in TIFFs, and in PNGs as texts."""

import struct
import zlib

import pytest

from backend.files.metadata import read_metadata, says_place
from tests.support.containers import exif_of, packet
from tests.support.limits import make_limits
from tests.support.pictures import Pictures

LIMITS = make_limits(enable_tiff=True)
BYTE, LONG, UNDEFINED = 1, 4, 7
IPTC_NAA, RESOURCES = 33723, 34377
CREATION = b"\x1c\x02\x37\0\x08" + b"19550102"
IPTC = b"\x1c\x02\x19\0\x02kt\x1c\x02\x5a\0\x04Bern\x1c\x02\x78\0\x05words" + CREATION + b"\x1c\x02\x05\0\x03Obj"
XMP_SEGMENT = b"http://ns.adobe.com/xap/1.0/\0"


def tiff(order: str, tag: int, kind: int, value: bytes) -> bytes:
    """A TIFF of one gray pixel, in a byte order, with one more tag."""
    unit = 4 if kind == LONG else 1
    value = value.ljust(-(-len(value) // 4) * 4, b"\0")
    pixel_at = 8 + 2 + 10 * 12 + 4
    entries = [
        (256, 3, 1, 1), (257, 3, 1, 1), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, pixel_at),
        (277, 3, 1, 1), (278, 3, 1, 1), (279, 4, 1, 1), (tag, kind, len(value) // unit, pixel_at + 4),
    ]  # fmt: skip
    packed = b"".join(
        struct.pack(f"{order}HHI", *entry[:3])
        + (struct.pack(f"{order}HH", entry[3], 0) if entry[1] == 3 else struct.pack(f"{order}I", entry[3]))
        for entry in entries
    )
    head = b"II*\0" if order == "<" else b"MM\0*"
    begin = head + struct.pack(f"{order}IH", 8, len(entries)) + packed + bytes(4)
    return begin + b"\x7f\0\0\0" + value


def turned(block: bytes) -> bytes:
    """Each four bytes in the other order."""
    padded = block.ljust(-(-len(block) // 4) * 4, b"\0")
    return b"".join(padded[at : at + 4][::-1] for at in range(0, len(padded), 4))


def resources(block: bytes) -> bytes:
    return b"8BIM\x04\x04\0\0" + len(block).to_bytes(4, "big") + block


def profile(name: str, value: bytes) -> str:
    digits = value.hex()
    lines = "\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    return f"\n{name}\n{len(value):8d}\n{lines}\n"


def png(keyword: str, text: str, *, is_packed: bool = False) -> bytes:
    data = Pictures.encode(Pictures.corners(), "PNG")
    if is_packed:
        chunk = Pictures.png_chunk(b"zTXt", keyword.encode() + b"\0\0" + zlib.compress(text.encode()))
    else:
        chunk = Pictures.png_chunk(b"tEXt", keyword.encode() + b"\0" + text.encode())
    return data[:33] + chunk + data[33:]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("tag", "kind", "value"),
    [
        pytest.param(IPTC_NAA, LONG, IPTC, id="as exiftool and Photoshop declare it"),
        pytest.param(IPTC_NAA, LONG, turned(IPTC), id="turned around as numbers are"),
        pytest.param(IPTC_NAA, UNDEFINED, IPTC, id="undefined"),
        pytest.param(IPTC_NAA, BYTE, IPTC, id="bytes"),
        pytest.param(RESOURCES, BYTE, resources(IPTC), id="in the resources of Photoshop"),
    ],
)
def test_tiff__iptc(order: str, tag: int, kind: int, value: bytes) -> None:
    found = read_metadata(tiff(order, tag, kind, value), LIMITS)

    assert (found.text.title, found.text.caption, found.text.keywords) == ("Obj", "words", ("kt",))
    assert found.text.location == "Bern"
    assert [(one.moment.date().isoformat(), one.source) for one in found.dates] == [("1955-01-02", "iptc:DateCreated")]


def test_tiff__iptc_that_ends_after_the_file() -> None:
    whole = tiff("<", IPTC_NAA, LONG, IPTC)
    assert read_metadata(whole[:-8], LIMITS).text.is_empty


@pytest.mark.parametrize("is_packed", [False, True])
@pytest.mark.parametrize(
    ("keyword", "name", "value"),
    [
        ("Raw profile type iptc", "iptc", resources(IPTC)),
        ("Raw profile type iptc", "IPTC profile", resources(IPTC)),
        ("Raw profile type iptc", "IPTC profile", IPTC),
        ("Raw profile type 8bim", "8bim", resources(IPTC)),
        ("Raw profile type xmp", "xmp", packet("<dc:description>words</dc:description>")),
        ("Raw profile type xmp", "XMP profile", packet("<dc:description>words</dc:description>")),
        ("Raw profile type APP1", "generic", XMP_SEGMENT + packet("<dc:description>words</dc:description>")),
        ("Raw profile type exif", "EXIF profile", exif_of({0x010E: "words"}).tobytes()),
        ("Raw profile type exif", "exif", exif_of({0x010E: "words"}).tobytes().removeprefix(b"Exif\0\0")),
        ("Raw profile type APP1", "generic", exif_of({0x010E: "words"}).tobytes()),
        ("Raw profile type APP1", "APP1 profile", exif_of({0x010E: "words"}).tobytes()),
    ],
)
def test_png__profiles_as_texts(keyword: str, name: str, value: bytes, is_packed: bool) -> None:
    assert read_metadata(png(keyword, profile(name, value), is_packed=is_packed), LIMITS).text.caption == "words"


@pytest.mark.parametrize("text", ["", "exif", "\nexif\n", "\nexif\n 4\n", "\nexif\n 4\nzz", "\n" * 1000, "49492a00"])
@pytest.mark.parametrize("kind", ["exif", "APP1", "xmp", "iptc", "8bim"])
def test_png__profile_that_is_none(kind: str, text: str) -> None:
    assert read_metadata(png(f"Raw profile type {kind}", text), LIMITS).text.is_empty


@pytest.mark.parametrize("name", ["xmp", "XMP profile"])
def test_says_place__in_a_profile_whose_name_has_two_words(name: str) -> None:
    """Of an odd number of digits, so that what follows the name cannot be taken for the first byte."""
    value = packet("<exif:GPSLatitude>47,22N</exif:GPSLatitude>")
    text = f"\n{name}\n       1\n{value.hex()}\n"

    assert says_place(png("Raw profile type xmp", text))
    assert not says_place(png("Raw profile type xmp", f"\n{name}\n       1\n{packet('').hex()}\n"))
