"""Malformed, hostile and polyglot files, each determined by the seed and its number."""

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from PIL import Image, ImageCms
from pillow_heif import register_heif_opener

Chance = random.Random

_XMP_BOMB = (
    b'<?xpacket?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;">]>'
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF>&c;</rdf:RDF></x:xmpmeta>'
)
_NAMES = (
    "a.jpg",
    "../../etc/passwd",
    "nul\0.jpg",
    "C:\\con.png",
    "line\r\nX-Injected: 1.gif",
    "<img src=x onerror=alert(1)>.png",
    "\u202egpj.exe",
    "x" * 300 + ".webp",
    "",
    "picture.php",
    "'; DROP TABLE media; --.jpg",
)


@dataclass(frozen=True)
class Specimen:
    """A file: its kind of damage, its file name, and its bytes."""

    number: int
    kind: str
    name: str
    data: bytes


def make_zoo(seed: int, count: int) -> Iterator[Specimen]:
    """Yield `count` specimens, cycling through the kinds."""
    kinds = sorted(_KINDS)
    for number in range(count):
        chance = random.Random(f"{seed} {number}")  # noqa: S311 - not a secret
        kind = kinds[number % len(kinds)]
        yield Specimen(number, kind, chance.choice(_NAMES), _KINDS[kind](chance))


# --- whole pictures --------------------------------------------------------------------------------------------


@cache
def _whole() -> dict[str, bytes]:
    """One picture of each format and variant, all decodable by Pillow."""
    pixels = np.random.default_rng(1).integers(0, 255, size=(37, 53, 3), dtype=np.uint8)
    picture = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "described", 6
    frames: dict[str, Any] = {"save_all": True, "append_images": [picture.rotate(90), picture.rotate(180)]}
    flavours: dict[str, tuple[Image.Image, str, dict[str, Any]]] = {
        "jpeg": (picture, "JPEG", {"exif": exif}),
        "jpeg progressive": (picture, "JPEG", {"progressive": True}),
        "jpeg grey": (picture.convert("L"), "JPEG", {"comment": b"x" * 500}),
        "jpeg cmyk": (picture.convert("CMYK"), "JPEG", {}),
        "png": (picture, "PNG", {"exif": exif}),
        "png palette": (picture.convert("P"), "PNG", {"transparency": 3}),
        "png alpha": (picture.convert("RGBA"), "PNG", {}),
        "png 16 bit": (Image.fromarray(pixels[:, :, 0].astype(np.uint16) * 257), "PNG", {}),
        "png animated": (picture, "PNG", frames),
        "gif": (picture, "GIF", {}),
        "gif animated": (picture, "GIF", frames | {"duration": 20}),
        "webp": (picture, "WEBP", {"exif": exif}),
        "webp lossless": (picture, "WEBP", {"lossless": True}),
        "webp animated": (picture, "WEBP", frames),
        "jpeg profile": (picture, "JPEG", {"icc_profile": b"not a profile" * 9}),
        "png profile": (picture, "PNG", {"icc_profile": _profile()}),
        "avif": (picture, "AVIF", {"exif": exif, "icc_profile": _profile()}),
        "heic": (picture, "HEIF", {}),
        "tiff": (picture, "TIFF", {"compression": "tiff_lzw", "exif": exif}),
        "tiff 16 bit": (Image.fromarray(pixels[:, :, 0].astype(np.uint16) * 257), "TIFF", {}),
        "tiff pages": (picture, "TIFF", frames),
        "bmp": (picture, "BMP", {}),
        "ico": (picture, "ICO", {}),
        "ppm": (picture, "PPM", {}),
    }
    register_heif_opener()
    made = {}
    for name, (image, form, options) in flavours.items():
        buffer = io.BytesIO()
        image.save(buffer, form, **options)
        made[name] = buffer.getvalue()
    return made


def _profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


def _pick(chance: Chance, *starts: str) -> bytes:
    names = [name for name in _whole() if not starts or name.startswith(starts)]
    return _whole()[chance.choice(names)]


# --- damage ----------------------------------------------------------------------------------------------------


def _truncated(chance: Chance) -> bytes:
    data = _pick(chance)
    return data[: chance.randrange(len(data))]


def _flipped(chance: Chance) -> bytes:
    data = bytearray(_pick(chance))
    for _ in range(chance.choice((1, 2, 8, 64))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(data)


def _flipped_head(chance: Chance) -> bytes:
    data = bytearray(_pick(chance))
    for _ in range(chance.choice((1, 3, 9))):
        data[chance.randrange(min(64, len(data)))] = chance.randrange(256)
    return bytes(data)


def _spliced(chance: Chance) -> bytes:
    one, other = _pick(chance), _pick(chance)
    return one[: chance.randrange(len(one))] + other[chance.randrange(len(other)) :]


def _repeated_piece(chance: Chance) -> bytes:
    data = _pick(chance)
    begin = chance.randrange(len(data))
    piece = data[begin : begin + chance.choice((2, 16, 256))]
    return data[:begin] + piece * chance.choice((2, 50, 1000)) + data[begin:]


def _zeroed(chance: Chance) -> bytes:
    data = bytearray(_pick(chance))
    begin = chance.randrange(len(data))
    data[begin : begin + chance.choice((4, 64, 10_000))] = b"\0" * chance.choice((0, 4, 64))
    return bytes(data)


def _noise(chance: Chance) -> bytes:
    return chance.randbytes(chance.choice((0, 1, 2, 11, 1000, 100_000)))


def _only_a_head(chance: Chance) -> bytes:
    heads = (
        b"\xff\xd8\xff\xe0",
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a",
        b"RIFF\xff\xff\xff\xffWEBPVP8 ",
        b"\0\0\0\x20ftypavif",
    )
    return chance.choice(heads) + chance.randbytes(chance.choice((0, 3, 40, 4000)))


# --- lies and bombs --------------------------------------------------------------------------------------------


def _png(width: int, height: int, body: bytes, *more: bytes, depth: int = 8, colour: int = 2) -> bytes:
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(more) + _chunk(b"IDAT", zlib.compress(body)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _huge_dimensions(chance: Chance) -> bytes:
    width, height = chance.choice(
        ((2**31 - 1, 1), (1, 2**31 - 1), (50_000, 50_000), (20_000, 2), (0, 0), (16_384, 16_384))
    )
    return _png(width, height, b"\0" * chance.choice((0, 100, 100_000)), colour=chance.choice((0, 2, 3, 6)))


def _pixel_bomb(chance: Chance) -> bytes:
    """Many pixels in few bytes, with complete data."""
    side = chance.choice((4000, 7000, 12_000))
    return _png(side, side, b"\0" * ((side // 8 + 1) * side), depth=1, colour=0)


def _text_bomb(chance: Chance) -> bytes:
    body = zlib.compress(b"\0" * chance.choice((10**6, 20 * 10**6)))
    kind = chance.choice((b"zTXt", b"iCCP", b"iTXt"))
    return _png(2, 2, b"\0" * 14, _chunk(kind, b"a\0" + (b"\1\0\0\0" if kind == b"iTXt" else b"\0") + body))


def _jpeg_lies(chance: Chance) -> bytes:
    data = bytearray(_pick(chance, "jpeg"))
    place = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))
    struct.pack_into(">HH", data, place + 5, chance.choice((0, 1, 65_535)), chance.choice((0, 1, 65_535)))
    return bytes(data)


def _segment_lies(chance: Chance) -> bytes:
    data = bytearray(_pick(chance, "jpeg"))
    places = [place for place in range(len(data) - 4) if data[place] == 0xFF and 0xC0 <= data[place + 1] <= 0xFE]
    struct.pack_into(">H", data, chance.choice(places) + 2, chance.choice((0, 1, 2, 0x7FFF, 0xFFFF)))
    return bytes(data)


def _chunk_lies(chance: Chance) -> bytes:
    data = bytearray(_pick(chance, "png", "webp"))
    place = chance.choice((4, 8, 16, chance.randrange(len(data) - 4)))
    struct.pack_into(">I" if chance.random() < 0.5 else "<I", data, place, chance.choice((0, 1, 2**31, 2**32 - 1)))
    return bytes(data)


def _gif_of_many_frames(chance: Chance) -> bytes:
    frame = b"\x2c\0\0\0\0\1\0\1\0\0\2\2D\1\0"
    return b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\0" * 6 + frame * chance.choice((501, 5_000)) + b";"


def _gif_canvas_lies(chance: Chance) -> bytes:
    data = bytearray(_pick(chance, "gif"))
    struct.pack_into("<HH", data, 6, chance.choice((0, 65_535)), chance.choice((0, 65_535)))
    return bytes(data)


# --- metadata --------------------------------------------------------------------------------------------------


def _with_segment(chance: Chance, marker: int, body: bytes) -> bytes:
    data = _pick(chance, "jpeg")
    return data[:2] + struct.pack(">BBH", 0xFF, marker, min(65_535, len(body) + 2)) + body[:65_533] + data[2:]


def _damaged_exif(chance: Chance) -> bytes:
    exif = Image.Exif()
    exif[0x010E], exif[0x9003], exif[0x8825] = "words\0" * 20, "9999:99:99 99:99:99", {1: "N", 2: (1e300, 0, 0)}
    body = bytearray(b"Exif\0\0" + exif.tobytes().removeprefix(b"Exif\0\0"))
    for _ in range(chance.choice((0, 2, 20))):
        body[chance.randrange(6, len(body))] = chance.randrange(256)
    return _with_segment(chance, 0xE1, bytes(body))


def _circular_exif(chance: Chance) -> bytes:
    """Directories that refer to themselves."""
    entry = struct.pack("<HHII", chance.choice((0x8769, 0x8825, 0xA005)), 4, 1, 8)
    return _with_segment(chance, 0xE1, b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 1) + entry + struct.pack("<I", 8))


def _long_exif(chance: Chance) -> bytes:
    return _with_segment(chance, 0xE1, b"Exif\0\0" + chance.randbytes(65_000)) * chance.choice((1, 3))


def _damaged_xmp(chance: Chance) -> bytes:
    body = chance.choice((_XMP_BOMB, b"<x:xmpmeta>" * 2000, b"\xff\xfe<\0", chance.randbytes(300)))
    return _with_segment(chance, 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + body)


def _damaged_iptc(chance: Chance) -> bytes:
    record = (
        b"\x1c\x02" + bytes([chance.choice((5, 25, 120))]) + chance.choice((b"\xff\xff", b"\0\4", b"\x80\4")) + b"word"
    )
    return _with_segment(chance, 0xED, b"Photoshop 3.0\x008BIM\4\4\0\0" + struct.pack(">I", 2**31 - 1) + record * 30)


def _damaged_icc(chance: Chance) -> bytes:
    return _with_segment(
        chance, 0xE2, b"ICC_PROFILE\0" + bytes([chance.randrange(4), chance.randrange(4)]) + chance.randbytes(400)
    )


# --- what only looks like a picture ----------------------------------------------------------------------------


def _polyglot(chance: Chance) -> bytes:
    """A picture that is also a valid file of another format."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("evil.sh", "rm -rf /")
    tails = (
        packed.getvalue(),
        b"<html><script>alert(1)</script></html>",
        b"%PDF-1.4\n1 0 obj<<>>endobj",
        b"MZ\x90\0",
        b"#!/bin/sh\n",
    )
    return _pick(chance) + chance.choice(tails)


def _script_in_a_head(chance: Chance) -> bytes:
    return (
        chance.choice((b"GIF89a/*", b"\xff\xd8\xff\xe0<!--", b"BM/*"))
        + b"*/=1;alert(document.cookie)//"
        + chance.randbytes(30)
    )


def _other_format(chance: Chance) -> bytes:
    others = (
        b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file\n",
        b"push graphic-context\nimage over 0,0 0,0 'https://127.0.0.1/x'\npop graphic-context\n",
        b"\0\0\0\x18ftypheic\0\0\0\0heicmif1" + chance.randbytes(200),
        b"\x7fELF" + chance.randbytes(200),
        b"PK\3\4" + chance.randbytes(200),
        b"8BPS\0\1" + chance.randbytes(200),
    )
    return chance.choice((*others, _pick(chance, "bmp", "ico", "ppm")))


_KINDS: dict[str, Callable[[Chance], bytes]] = {
    make.__name__.removeprefix("_"): make
    for make in (
        _pick,
        _truncated,
        _flipped,
        _flipped_head,
        _spliced,
        _repeated_piece,
        _zeroed,
        _noise,
        _only_a_head,
        _huge_dimensions,
        _pixel_bomb,
        _text_bomb,
        _jpeg_lies,
        _segment_lies,
        _chunk_lies,
        _gif_of_many_frames,
        _gif_canvas_lies,
        _damaged_exif,
        _circular_exif,
        _long_exif,
        _damaged_xmp,
        _damaged_iptc,
        _damaged_icc,
        _polyglot,
        _script_in_a_head,
        _other_format,
    )
}
KINDS = tuple(sorted(_KINDS))
# Some of these are intact pictures. If none is accepted, nothing was tested.
SOUND = "pick"
