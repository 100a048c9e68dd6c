import io
import re
import struct
import sys
import zlib
from dataclasses import asdict, replace
from typing import Any

import pytest
from PIL import Image, ImageFile
from pillow_heif import register_heif_opener

from backend.errors import (
    ConfigurationError,
    FileTooLarge,
    ImageCorrupt,
    ImageTruncated,
    MediaclusterError,
    TooManyPixels,
    UnsupportedFormat,
)
from backend.files.decoding import inspect_picture
from backend.files.decoding.pixels import decode_picture
from backend.files.decoding.work import work
from backend.files.formats import jpeg
from backend.files.formats.jpeg import check_scans
from backend.files.limits import Limits
from tests.support.limits import make_limits

FORMATS = [
    ("JPEG", {}),
    ("JPEG", {"progressive": True}),
    ("PNG", {}),
    ("WEBP", {}),
    ("WEBP", {"lossless": True}),
    ("GIF", {}),
    ("AVIF", {}),
    ("HEIF", {}),
]


@pytest.fixture(scope="module", autouse=True)
def _heif() -> None:
    register_heif_opener()


@pytest.fixture(scope="module")
def photo(pictures: Any) -> Image.Image:
    image = Image.open(io.BytesIO(pictures.photograph("rocket.jpg")))
    return image.convert("RGB").resize((320, 214))


@pytest.mark.parametrize(
    ("name", "mime", "extension", "width", "height", "frames"),
    [
        ("rocket.jpg", "image/jpeg", "jpg", 640, 427, 1),
        ("coffee.png", "image/png", "png", 600, 400, 1),
        ("no_time_for_that_tiny.gif", "image/gif", "gif", 14, 25, 24),
    ],
)
def test_inspect_picture__photographs(
    pictures: Any, limits: Limits, name: str, mime: str, extension: str, width: int, height: int, frames: int
) -> None:
    data = pictures.photograph(name)

    found = inspect_picture(data, limits)

    assert (found.mime, found.extension) == (mime, extension)
    assert (found.width, found.height, found.frames) == (width, height, frames)
    assert found.byte_size == len(data)


def test_inspect_picture__webp_with_frames(pictures: Any, limits: Limits) -> None:
    frames = [Image.new("RGB", (20, 10), color) for color in ("red", "green", "blue")]
    data = pictures.encode(frames[0], "WEBP", save_all=True, append_images=frames[1:])

    found = inspect_picture(data, limits)

    assert (found.mime, found.extension, found.width, found.height, found.frames) == ("image/webp", "webp", 20, 10, 3)


def test_inspect_picture__png_with_frames(pictures: Any, limits: Limits) -> None:
    frames = [Image.new("RGB", (20, 10), color) for color in ("red", "green", "blue")]
    data = pictures.encode(frames[0], "PNG", save_all=True, append_images=frames[1:])

    assert inspect_picture(data, limits).frames == 3
    assert decode_picture(data, limits).getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
def test_inspect_picture__size_is_upright(pictures: Any, limits: Limits, name: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = pictures.encode(pictures.corners(40, 24), name, exif=exif)

    found = inspect_picture(data, limits)

    assert (found.width, found.height) == ((24, 40) if orientation >= 5 else (40, 24))


@pytest.mark.parametrize(("name", "options"), FORMATS)
@pytest.mark.parametrize("part", [0.02, 0.2, 0.5, 0.9, 0.99])
def test_inspect_picture__truncated(
    pictures: Any, limits: Limits, photo: Image.Image, name: str, options: dict[str, Any], part: float
) -> None:
    data = pictures.encode(photo, name, **options)
    inspect_picture(data, limits)

    with pytest.raises(ImageTruncated):
        inspect_picture(data[: int(len(data) * part)], limits)


@pytest.mark.parametrize(
    ("name", "options"),
    [("WEBP", {}), ("AVIF", {}), ("HEIF", {}), ("PNG", {}), ("JPEG", {}), ("WEBP", {"lossless": True})],
)
def test_inspect_picture__last_byte_missing(
    pictures: Any, limits: Limits, photo: Image.Image, name: str, options: dict[str, Any]
) -> None:
    """It is refused if it was a pixel's. Otherwise it was of the end marker, or filled up an odd number of bytes."""
    data = pictures.encode(photo, name, **options)
    is_needed = name in {"AVIF", "HEIF"} or (name == "WEBP" and not options)
    if name == "WEBP":
        assert (int.from_bytes(data[16:20], "little") % 2 == 0) is is_needed

    if is_needed:
        with pytest.raises(ImageTruncated):
            inspect_picture(data[:-1], limits)
    else:
        assert [one.code for one in inspect_picture(data[:-1], limits).warnings] == ["end_missing"]
        assert decode_picture(data[:-1], limits).tobytes() == decode_picture(data, limits).tobytes()


@pytest.mark.parametrize("length", [*range(3, 60), *range(60, 700, 13)])
def test_inspect_picture__jpeg_cut_in_its_header(
    pictures: Any, limits: Limits, photo: Image.Image, length: int
) -> None:
    data = pictures.encode(photo)
    assert data.index(b"\xff\xda") > 600

    with pytest.raises(ImageTruncated):
        inspect_picture(data[:length], limits)


def test_inspect_picture__gif_without_trailer_loses_nothing(pictures: Any, limits: Limits, photo: Image.Image) -> None:
    data = pictures.encode(photo, "GIF")
    assert data.endswith(b";")

    assert inspect_picture(data[:-1], limits).frames == 1


def test_inspect_picture__later_gif_frame_truncated(pictures: Any, limits: Limits) -> None:
    data = pictures.photograph("no_time_for_that_tiny.gif")

    with pytest.raises(ImageTruncated):
        inspect_picture(data[: len(data) * 3 // 4], limits)


def test_inspect_picture__png_with_a_damaged_byte(pictures: Any, limits: Limits) -> None:
    data = bytearray(pictures.photograph("coffee.png"))
    data[len(data) // 2] ^= 0xFF

    with pytest.raises(ImageCorrupt):
        inspect_picture(bytes(data), limits)


def test_inspect_picture__png_chunk_longer_than_the_file_is_no_cut(pictures: Any, limits: Limits) -> None:
    data = bytearray(pictures.encode(pictures.corners(), "PNG"))
    at = data.index(b"IDAT") - 4
    data[at : at + 4] = struct.pack(">I", 1_000_000)

    with pytest.raises(ImageCorrupt):
        inspect_picture(bytes(data), limits)


def test_inspect_picture__jpeg_with_a_damaged_header(pictures: Any, limits: Limits) -> None:
    data = bytearray(pictures.encode(pictures.corners()))
    at = data.index(b"\xff\xc0")
    data[at + 4] = 77  # bits per sample

    with pytest.raises(ImageCorrupt):
        inspect_picture(bytes(data), limits)


def test_inspect_picture__webp_with_damaged_pixels(pictures: Any, limits: Limits, photo: Image.Image) -> None:
    data = bytearray(pictures.encode(photo, "WEBP", lossless=True))
    data[40:400] = bytes(360)

    with pytest.raises(ImageCorrupt):
        inspect_picture(bytes(data), limits)


def test_inspect_picture__gif_without_frames(limits: Limits) -> None:
    with pytest.raises(ImageCorrupt):
        inspect_picture(b"GIF89a" + struct.pack("<HHBBB", 4, 4, 0, 0, 0) + b";", limits)


def test_inspect_picture__jpeg_with_endless_scans(pictures: Any, limits: Limits, photo: Image.Image) -> None:
    data = pictures.encode(photo, progressive=True)
    last_scan = data[data.rindex(b"\xff\xda") : -2]

    with pytest.raises(ImageCorrupt, match="scans"):
        inspect_picture(data[:-2] + last_scan * 600 + data[-2:], limits)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"just a letter to my aunt, renamed to holiday.jpg", "a text"),
        ("Ã¼ber".encode() * 400, "a text"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"%PDF-1.7\n%\xe2\xe3", "PDF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "PostScript"),
        (b"PK\x03\x04 and more", "ZIP"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0isommp42", "video"),
        (b"\xff\xd8", "not a picture"),
        (bytes(100), "not a picture"),
    ],
)
def test_inspect_picture__not_a_picture(limits: Limits, data: bytes, words: str) -> None:
    with pytest.raises(UnsupportedFormat, match=words) as caught:
        inspect_picture(data, limits)

    assert caught.value.hint


@pytest.mark.parametrize("name", ["BMP", "ICO", "PPM", "JPEG2000", "TGA"])
def test_inspect_picture__formats_that_pillow_reads_and_we_do_not(pictures: Any, limits: Limits, name: str) -> None:
    with pytest.raises(UnsupportedFormat):
        inspect_picture(pictures.encode(pictures.corners(), name), limits)


def test_inspect_picture__avif_unless_switched_off(pictures: Any, limits: Limits) -> None:
    data = pictures.encode(pictures.corners(), "AVIF")

    with pytest.raises(UnsupportedFormat, match="MEDIACLUSTER_ENABLE_AVIF"):
        inspect_picture(data, replace(limits, enable_avif=False))
    assert inspect_picture(data, limits).mime == "image/avif"


HEIC_HEAD = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0\0\0\x08free"


def test_inspect_picture__heic_unless_switched_off(limits: Limits) -> None:
    with pytest.raises(UnsupportedFormat, match="MEDIACLUSTER_ENABLE_HEIF"):
        inspect_picture(HEIC_HEAD, replace(limits, enable_heif=False))


def test_inspect_picture__heic_without_its_package(limits: Limits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)

    with pytest.raises(ConfigurationError, match="pillow-heif"):
        inspect_picture(HEIC_HEAD, limits)


def test_inspect_picture__file_too_large(pictures: Any, limits: Limits) -> None:
    data = pictures.encode(pictures.corners())

    inspect_picture(data, replace(limits, max_body_bytes=len(data)))
    with pytest.raises(FileTooLarge):
        inspect_picture(data, replace(limits, max_body_bytes=len(data) - 1))


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "GIF"])
def test_inspect_picture__too_many_pixels(pictures: Any, limits: Limits, name: str) -> None:
    data = pictures.encode(Image.new("RGB", (100, 50)), name)

    inspect_picture(data, replace(limits, max_pixels=5000, max_side_pixels=100))
    with pytest.raises(TooManyPixels):
        inspect_picture(data, replace(limits, max_pixels=4999))
    with pytest.raises(TooManyPixels):
        inspect_picture(data, replace(limits, max_side_pixels=99))
    with pytest.raises(TooManyPixels):
        decode_picture(data, replace(limits, max_pixels=4999))


def bomb(pictures: Any, width: int, height: int) -> bytes:
    """Return a PNG that claims to be large; the pixels behind it are one row."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1 + 3 * width))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(pictures.png_chunk(*chunk) for chunk in chunks)


@pytest.mark.parametrize("side", [10_000, 16_000, 60_000])
def test_inspect_picture__decompression_bombs(pictures: Any, limits: Limits, side: int) -> None:
    # Below Pillow's threshold of warning, above it, and above its error.
    with pytest.raises(TooManyPixels):
        inspect_picture(bomb(pictures, side, side), limits)
    with pytest.raises(TooManyPixels):
        decode_picture(bomb(pictures, side, side), limits)


def test_inspect_picture__what_loads_whole_has_a_lower_limit(pictures: Any) -> None:
    """Whatever the setting says: 100 megapixels of a PNG take 400 MB."""
    limits = make_limits(max_pixels=268_000_000)
    assert inspect_picture(bomb(pictures, 9_400, 9_400), limits).width == 9_400

    with pytest.raises(TooManyPixels, match="89,000,000 are allowed"):
        inspect_picture(bomb(pictures, 10_000, 10_000), limits)


@pytest.mark.parametrize(
    ("width", "height", "subsampling", "is_accepted"),
    [(12_000, 9_000, 0, True), (16_320, 12_240, 2, True), (16_320, 12_240, 0, False)],
)
def test_check_scans__a_progressive_jpeg_is_bounded_by_the_memory_that_it_takes(
    pictures: Any, width: int, height: int, subsampling: int, is_accepted: bool
) -> None:
    """Until the last scan a decoder keeps all of them. The sizes are written into a small file, so none is decoded."""
    data = bytearray(pictures.encode(pictures.corners(), progressive=True, subsampling=subsampling))
    at = data.index(b"\xff\xc2")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)

    if is_accepted:
        check_scans(bytes(data))
    else:
        with pytest.raises(TooManyPixels, match=r"needs 1,\d\d\d MiB"):
            check_scans(bytes(data))
        with pytest.raises(TooManyPixels, match="progressive"):
            inspect_picture(bytes(data), make_limits(max_pixels=268_000_000))


def test_check_scans__junk_between_segments_hides_nothing(pictures: Any) -> None:
    """Decoders skip it, so the size behind it counts."""
    data = bytearray(pictures.encode(pictures.corners(), progressive=True, subsampling=0))
    at = data.index(b"\xff\xc2")
    data[at + 5 : at + 9] = struct.pack(">HH", 12_240, 16_320)
    data[at:at] = b"junk"

    with pytest.raises(TooManyPixels, match="progressive"):
        check_scans(bytes(data))


@pytest.mark.parametrize(
    ("size", "decoded"),
    [
        ((1300, 1000), (1300, 1000)),
        ((4000, 3000), (2000, 1500)),
        ((3024, 4032), (1512, 2016)),
        ((5184, 3888), (1296, 972)),
        ((4000, 6000), (1000, 1500)),
        ((8160, 6120), (2040, 1530)),
        ((10_240, 6_144), (1280, 768)),
        ((10_232, 6_144), (2558, 1536)),
        ((10_240, 6_136), (2560, 1534)),
        ((9000, 1600), (4500, 800)),
        ((9000, 700), (9000, 700)),
    ],
)
def test_decode_picture__a_jpeg_is_no_larger_than_thumbnails_and_encoders_need(
    pictures: Any, size: tuple[int, int], decoded: tuple[int, int]
) -> None:
    data = pictures.encode(Image.new("L", size, 90))

    assert decode_picture(data, make_limits(max_pixels=90_000_000), at_least=384, longest=1280).size == decoded


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("longest", [1, 300, 600])  # an eighth, a quarter, half
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9, 0.99])
def test_decode_picture__damage_is_found_at_each_size(
    pictures: Any, limits: Limits, progressive: bool, longest: int, part: float
) -> None:
    """Shrinking spares the transform of the coefficients, not the reading of them."""
    noise = Image.effect_noise((1200, 900), 60).convert("RGB")
    data = pictures.encode(noise, quality=85, progressive=progressive)
    at = int(part * len(data))
    damaged = {
        "cut": data[:at],
        "ends early": data[:at] + b"\xff\xd9",
        "another file begins": data[:at] + data,
        "other bytes": data[:at] + bytes(range(200)) * 4 + data[at + 800 :],
        "zeros": data[:at] + bytes(len(data) - at),
    }

    assert decode_picture(data, limits, at_least=1, longest=longest).width == max(longest, 150)
    found = {name: _code_of(bad, limits, longest) for name, bad in damaged.items()}

    assert found == {name: _code_of(bad, limits, 1200) for name, bad in damaged.items()}
    assert found["cut"] == found["zeros"] == "image_truncated"


def _code_of(data: bytes, limits: Limits, longest: int) -> str | None:
    """The error of decoding it as small as `longest` allows, None if it is accepted."""
    try:
        decode_picture(data, limits, at_least=1, longest=longest)
    except MediaclusterError as error:
        return error.code
    return None


@pytest.mark.parametrize("at_least", [None, 6_000])
def test_decode_picture__a_jpeg_that_fills_the_memory_is_halved(pictures: Any, at_least: int | None) -> None:
    data = pictures.encode(Image.new("L", (10_000, 9_000), 90))

    assert decode_picture(data, make_limits(max_pixels=268_000_000), at_least=at_least).size == (5_000, 4_500)


def test_inspect_picture__too_many_frames(pictures: Any, limits: Limits) -> None:
    data = pictures.photograph("no_time_for_that_tiny.gif")

    inspect_picture(data, replace(limits, max_frames=24))
    with pytest.raises(TooManyPixels, match="frames"):
        inspect_picture(data, replace(limits, max_frames=23))


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
def test_inspect_picture__exif_too_long_is_accepted_with_a_warning(pictures: Any, limits: Limits, name: str) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "x" * 2000
    data = pictures.encode(pictures.corners(40, 24), name, exif=exif)

    assert inspect_picture(data, replace(limits, max_exif_bytes=3000)).warnings == ()
    (warning,) = inspect_picture(data, replace(limits, max_exif_bytes=2000)).warnings
    assert (warning.code, "2,000 are read" in warning.detail) == ("exif_too_long", True)

    found = inspect_picture(data, replace(limits, max_exif_bytes=100))

    assert (found.width, found.height) == (24, 40) == decode_picture(data, limits).size


def test_inspect_picture__exif_after_the_pixels_is_read(pictures: Any, limits: Limits) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = pictures.encode(pictures.corners(40, 24), "PNG")
    data = data[:-12] + pictures.png_chunk(b"eXIf", exif.tobytes()[6:]) + data[-12:]

    found = inspect_picture(data, limits)

    assert (found.width, found.height) == (24, 40) == decode_picture(data, limits).size
    found = inspect_picture(data, replace(limits, max_exif_bytes=10))
    assert [one.code for one in found.warnings] == ["exif_too_long"]
    assert (found.width, found.height) == (24, 40)


def test_inspect_picture__png_text_bomb(pictures: Any, limits: Limits) -> None:
    data = pictures.encode(pictures.corners(), "PNG")
    chunk = pictures.png_chunk(b"zTXt", b"Title\0\0" + zlib.compress(bytes(5_000_000)))

    found = inspect_picture(data[:-12] + chunk + data[-12:], limits)

    assert [one.code for one in found.warnings] == ["metadata_damaged"]
    assert (found.width, found.height) == (40, 24)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF:UserWarning")
def test_inspect_picture__broken_exif_costs_nothing_but_itself(pictures: Any, limits: Limits) -> None:
    data = pictures.with_segments(pictures.encode(pictures.corners()), (0xE1, b"Exif\0\0MM\0*\xff\xff\xff\xff garbage"))

    assert inspect_picture(data, limits).width == 40


def test_inspect_picture__multi_picture_jpeg_is_a_jpeg(pictures: Any, limits: Limits) -> None:
    data = pictures.encode(pictures.corners(), "MPO", save_all=True, append_images=[pictures.corners(10, 10)])

    found = inspect_picture(data, limits)

    assert (found.mime, found.extension, found.width, found.frames) == ("image/jpeg", "jpg", 40, 1)
    assert decode_picture(data, limits).size == (40, 24)


def test_pillow__still_refuses_truncated_files() -> None:
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


@pytest.mark.parametrize(("task", "most"), [("inspect", 2), ("decode", 1)])
def test_work__looks_at_each_byte_of_a_jpeg_a_few_times_only(
    pictures: Any, monkeypatch: pytest.MonkeyPatch, task: str, most: int
) -> None:
    """Each time is most of a millisecond for a photograph, which would add up to a tenth of the work on it."""
    data = pictures.encode(Image.effect_noise((400, 300), 90).convert("RGB"))
    whole = []

    class Counted:
        def __init__(self, pattern: "re.Pattern[bytes]") -> None:
            self.pattern = pattern

        def search(self, text: bytes, start: int = 0) -> "re.Match[bytes] | None":
            found = self.pattern.search(text, start)
            whole.extend([start] if (found.end() if found else len(text)) - start > len(data) // 2 else [])
            return found

    monkeypatch.setattr(jpeg, "_MARKER", Counted(jpeg._MARKER))
    request = {"task": task, "limits": asdict(make_limits()), "at_least": 100, "longest": 0, "fit": 224, "derive": True}

    work(request, data)

    assert len(whole) <= most
