import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from PIL import ExifTags, Image

from backend.files.formats import FORMATS, PNG
from backend.files.formats.formats import find_format
from backend.files.metadata import says_place
from tests.support.pictures import Pictures

PACKET = Pictures.xmp("<other:GPSLatitude>48,51.498N</other:GPSLatitude>")
HARMLESS = Pictures.xmp("<dc:description>Latitudes of the north</dc:description>")
GREY = Image.new("L", (8, 8), 90)


def exif(latitude: Any = (48.0, 51.0, 29.88)) -> bytes:
    made = Image.Exif()
    made[ExifTags.Base.Make] = "Maker"
    if latitude is not None:
        made.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = latitude
    return made.tobytes()


def png_with(*chunks: bytes) -> bytes:
    """Chunks before the end, where Pillow does not look without decoding."""
    png = Pictures.encode(GREY, "PNG")
    return png[:-12] + b"".join(chunks) + png[-12:]


def itxt(packet: bytes, *, compressed: bool) -> bytes:
    head = b"XML:com.adobe.xmp\0" + bytes([compressed, 0]) + b"en\0Titel\0"
    return Pictures.png_chunk(b"iTXt", head + (zlib.compress(packet) if compressed else packet))


def ztxt(packet: bytes) -> bytes:
    return Pictures.png_chunk(b"zTXt", b"XML:com.adobe.xmp\0\0" + zlib.compress(packet))


def raw_profile(name: str, profile: bytes, *, compressed: bool = True) -> bytes:
    digits = profile.hex()
    lines = "\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    text = f"\n{name}\n{len(profile):8}\n{lines}\n".encode()
    keyword = f"Raw profile type {name}".encode() + b"\0"
    if compressed:
        return Pictures.png_chunk(b"zTXt", keyword + b"\0" + zlib.compress(text))
    return Pictures.png_chunk(b"tEXt", keyword + text)


def gif_with_xmp(packet: bytes, *, in_blocks: bool) -> bytes:
    """As Adobe writes it, text and then a "magic trailer" that all block lengths lead into, or in blocks of its own."""
    gif = Pictures.encode(GREY, "GIF")
    if in_blocks:
        # Blocks of five bytes: the name that is looked for is never in one.
        body = b"".join(bytes([len(packet[at : at + 5])]) + packet[at : at + 5] for at in range(0, len(packet), 5))
    else:
        body = packet + b"\1" + bytes(range(255, -1, -1))
    first_block = gif.index(b"\x2c" if b"\x21" not in gif else b"\x21", 13)
    return gif[:first_block] + b"\x21\xff\x0bXMP DataXMP" + body + b"\0" + gif[first_block:]


def extended_xmp(packet: bytes) -> bytes:
    """The packet in two segments, the later half first, cut in the middle of the name."""
    cut = packet.index(b"GPSLat") + 4 if b"GPSLat" in packet else len(packet) // 2
    head = b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 32 + struct.pack(">I", len(packet))
    parts = [head + struct.pack(">I", cut) + packet[cut:], head + struct.pack(">I", 0) + packet[:cut]]
    return Pictures.with_segments(Pictures.encode(GREY), *((0xE1, part) for part in parts))


WAYS: dict[str, Callable[[bytes, bytes], bytes]] = {
    "jpeg exif": lambda _, exif: Pictures.encode(GREY, exif=exif),
    "jpeg xmp": lambda xmp, _: Pictures.encode(GREY, xmp=xmp),
    "jpeg xmp in utf-16": lambda xmp, _: Pictures.encode(GREY, xmp=xmp.decode().encode("utf-16-be")),
    "jpeg extended xmp": lambda xmp, _: extended_xmp(xmp),
    "jpeg behind the jpeg": lambda _, exif: Pictures.encode(GREY) + Pictures.encode(GREY, exif=exif),
    "png iTXt": lambda xmp, _: png_with(itxt(xmp, compressed=False)),
    "png compressed iTXt": lambda xmp, _: png_with(itxt(xmp, compressed=True)),
    "png zTXt": lambda xmp, _: png_with(ztxt(xmp)),
    "png eXIf": lambda _, exif: png_with(Pictures.png_chunk(b"eXIf", exif.removeprefix(b"Exif\0\0"))),
    "png raw exif": lambda _, exif: png_with(raw_profile("exif", exif)),
    "png raw exif, plain": lambda _, exif: png_with(raw_profile("APP1", exif, compressed=False)),
    "png raw xmp": lambda xmp, _: png_with(raw_profile("xmp", xmp)),
    "webp exif": lambda _, exif: Pictures.encode(GREY, "WEBP", exif=exif),
    "webp xmp": lambda xmp, _: Pictures.encode(GREY, "WEBP", xmp=xmp),
    "gif xmp": lambda xmp, _: gif_with_xmp(xmp, in_blocks=False),
    "gif xmp in blocks": lambda xmp, _: gif_with_xmp(xmp, in_blocks=True),
}


@pytest.mark.parametrize("way", WAYS)
def test_says_place(way: str) -> None:
    assert says_place(WAYS[way](PACKET, exif()))
    assert not says_place(WAYS[way](HARMLESS, exif(None)))
    # Without a fix.
    assert not says_place(WAYS[way](HARMLESS, exif((0.0, 0.0, 0.0))))


@pytest.mark.parametrize(
    "properties",
    [
        "<other:GPSLongitude>2,17.67E</other:GPSLongitude>",
        "<other:GPSDestLatitude>1,0N</other:GPSDestLatitude>",
        "<other:GpsLongtitude>2.29</other:GpsLongtitude>",
        '<g:lat xmlns:g="http://www.w3.org/2003/01/geo/wgs84_pos#">48</g:lat>',
    ],
    ids=["longitude", "destination", "drone", "geo"],
)
def test_says_place__by_other_names(properties: str) -> None:
    assert says_place(Pictures.encode(GREY, xmp=Pictures.xmp(properties)))


def test_says_place__in_the_video_of_a_motion_photo(pictures: Pictures) -> None:
    photograph = pictures.photograph()
    assert not says_place(photograph)
    assert says_place(photograph + b"\0\0\0\x1e\xa9xyz\0\x12\x15\xc7+48.8583+002.2945/")


def test_says_place__what_cannot_be_read_counts() -> None:
    # A directory that is said to lie outside of the block, which lenient readers look for elsewhere.
    cut = exif()[:-20]
    assert b"\x88\x25" in cut or b"\x25\x88" in cut
    assert says_place(Pictures.with_segments(Pictures.encode(GREY), (0xE1, cut)))
    # Text that unpacks to more than anybody writes.
    assert says_place(png_with(ztxt(bytes(2 * 1024 * 1024))))
    assert not says_place(png_with(Pictures.png_chunk(b"zTXt", b"Comment\0\0no deflate")))


def ftyp(brand: bytes) -> bytes:
    return b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0mif1" + brand


@pytest.mark.parametrize("brand", [b"heic", b"avif"])
def test_says_place__in_formats_that_pack_nothing(brand: bytes) -> None:
    assert says_place(ftyp(brand) + PACKET)
    assert not says_place(ftyp(brand) + HARMLESS)


def test_says_place__of_a_new_format_everything_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    bitmap = Pictures.encode(GREY, "BMP")
    assert says_place(bitmap)
    new = replace(PNG, name="BMP", is_in=lambda data: data.startswith(b"BM"))
    monkeypatch.setattr("backend.files.formats.formats.FORMATS", (*FORMATS, new))
    assert find_format(bitmap) == new
    assert says_place(bitmap)


def large_exif(*, beyond: str) -> bytes:
    """EXIF of more than 64 KiB whose position, or what points to it, is behind the first 64 KiB."""
    far = 70_000
    position = struct.pack("<6L", 48, 1, 51, 1, 2988, 100)
    places = {"directory": 8, "gps": 40, "values": 80} | {beyond: far}
    if beyond == "directory":
        places = {"directory": far, "gps": far + 40, "values": far + 80}
    block = bytearray(far + 200)
    block[:8] = struct.pack("<2sHL", b"II", 42, places["directory"])
    main = struct.pack("<HHHLLL", 1, ExifTags.IFD.GPSInfo, 4, 1, places["gps"], 0)
    block[places["directory"] : places["directory"] + len(main)] = main
    gps = struct.pack("<HHHLL", 1, ExifTags.GPS.GPSLatitude, 5, 3, places["values"])
    block[places["gps"] : places["gps"] + len(gps)] = gps
    block[places["values"] : places["values"] + len(position)] = position
    return bytes(block)


@pytest.mark.filterwarnings("ignore::UserWarning")  # as in the product; Pillow warns of what is cut off
@pytest.mark.parametrize("beyond", ["directory", "gps", "values"])
def test_says_place__behind_what_is_searched(beyond: str) -> None:
    block = large_exif(beyond=beyond)

    read = Image.Exif()
    read.load(block)
    assert read.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] == (48.0, 51.0, 29.88)
    webp = Pictures.encode(GREY.convert("RGB"), "WEBP", exif=b"Exif\0\0" + block)
    parts = [(0xE1, b"Exif\0\0" + block[at : at + 65_000]) for at in range(0, len(block), 65_000)]
    jpeg = Pictures.with_segments(Pictures.encode(GREY), *parts)
    assert says_place(webp)
    assert says_place(jpeg)
    assert not says_place(webp.replace(block, bytes(len(block))))
