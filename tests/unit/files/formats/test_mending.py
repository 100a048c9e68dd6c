"""What no pixel depends on is completed or left out, with a warning. What lacks pixels is refused as before."""

import io
import struct
import time
import zlib
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image
from pillow_heif import register_heif_opener

from backend.errors import ImageCorrupt, ImageTruncated, TooManyPixels
from backend.files.decoding import inspect_picture
from backend.files.decoding.pixels import decode_picture
from backend.files.formats import JPEG, PNG, WEBP, mend_picture, mending
from backend.files.formats.jpeg import zeros_at_end
from backend.files.formats.mending import _pixel_sum
from backend.files.limits import Limits
from backend.files.metadata import read_metadata
from tests.support.limits import make_limits

JPEGS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_rows": 1},
    "progressive with restarts": {"progressive": True, "restart_marker_blocks": 7},
    "one scan for each component": {"streamtype": 0, "keep_rgb": True},
}


@pytest.fixture(scope="module")
def photo(pictures: Any) -> Image.Image:
    return Image.open(io.BytesIO(pictures.photograph("coffee.png"))).convert("RGB").resize((320, 214))


def codes(data: bytes, limits: Limits) -> list[str]:
    return [one.code for one in inspect_picture(data, limits).warnings]


@pytest.mark.parametrize("options", JPEGS.values(), ids=JPEGS)
@pytest.mark.parametrize("missing", [1, 2])
def test_jpeg__without_its_end_marker_is_accepted(
    pictures: Any, limits: Limits, photo: Image.Image, options: dict[str, Any], missing: int
) -> None:
    whole = pictures.encode(photo, **options)
    data = whole[:-missing]

    found = inspect_picture(data, limits)

    assert [one.code for one in found.warnings] == ["end_missing"]
    assert found.byte_size == len(data)
    assert decode_picture(data, limits).tobytes() == decode_picture(whole, limits).tobytes()
    assert decode_picture(data, limits, at_least=40).size == decode_picture(whole, limits, at_least=40).size


@pytest.mark.parametrize("options", JPEGS.values(), ids=JPEGS)
def test_jpeg__that_lacks_pixels_is_refused(
    pictures: Any, limits: Limits, photo: Image.Image, options: dict[str, Any]
) -> None:
    """Cut at many places, also right before markers, where the decoder finds no half of a block."""
    whole = pictures.encode(photo, **options)
    pixels = whole.index(b"\xff\xda")
    markers = [at for at in range(pixels + 2, len(whole) - 2) if whole[at] == 0xFF and whole[at + 1] not in {0, 0xFF}]
    ends = {*markers[:: max(1, len(markers) // 12)], *markers[-2:], *range(pixels + 20, len(whole) - 8, 997)}
    ends |= {len(whole) - left for left in (6, 12, 40)}

    for end in sorted(ends):
        with pytest.raises(ImageTruncated):
            inspect_picture(whole[:end], limits)
        with pytest.raises(ImageTruncated):
            decode_picture(whole[:end], limits)


def test_jpeg__of_scans_that_leave_detail_to_a_missing_one_is_refused(
    pictures: Any, limits: Limits, photo: Image.Image
) -> None:
    whole = pictures.encode(photo, progressive=True)
    last_scan = whole.rindex(b"\xff\xda")
    tables = whole.rindex(b"\xff\xc4", 0, last_scan)

    for end in (last_scan, tables):
        with pytest.raises(ImageTruncated):
            inspect_picture(whole[:end], limits)
    assert codes(whole[:last_scan] + b"\xff\xd9", limits) == []  # with its end marker it says that this is all


@pytest.mark.parametrize("end", [b"", b"\xff\xd9", b"\xff\xff\xd9", b"\xff\xd9" + bytes(100)])
@pytest.mark.parametrize("options", JPEGS.values(), ids=JPEGS)
@pytest.mark.parametrize("quality", [30, 95])
def test_jpeg__whose_pixels_end_in_zeros_is_refused(
    pictures: Any, limits: Limits, photo: Image.Image, options: dict[str, Any], quality: int, end: bytes
) -> None:
    """At low quality a decoder takes all zeros for pixels and lacks more; at high quality there are more than it takes."""
    whole = pictures.encode(photo, quality=quality, **options)
    lost = len(whole) // 4

    with pytest.raises(ImageTruncated):
        inspect_picture(whole[: -lost - 2] + bytes(lost) + end, limits)


@pytest.mark.parametrize("color", ["white", "black", (10, 200, 60), (128, 128, 128)])
@pytest.mark.parametrize("quality", [30, 75, 95])
@pytest.mark.parametrize("options", [*JPEGS.values(), {"subsampling": 0}, {"progressive": True, "subsampling": 0}])
def test_jpeg__whose_plain_area_is_zeros_is_sound(
    pictures: Any, limits: Limits, photo: Image.Image, color: Any, quality: int, options: dict[str, Any]
) -> None:
    """With tables made for the picture, a plain area may be nothing but zeros."""
    page = Image.new("RGB", (400, 1200), color)
    page.paste(photo)

    for picture in (page, Image.new("RGB", (640, 480), color)):
        data = pictures.encode(picture, quality=quality, optimize=True, **options)
        assert codes(data, limits) == []
        assert codes(data + bytes(3000), limits) == []


def test_jpeg__plain_areas_of_the_test_above_do_end_in_zeros(pictures: Any) -> None:
    data = pictures.encode(Image.new("RGB", (640, 480), "white"), optimize=True)

    assert zeros_at_end(data) is not None


@pytest.mark.parametrize("options", JPEGS.values(), ids=JPEGS)
def test_jpeg__zeros_behind_all_pixels_are_padding(
    pictures: Any, limits: Limits, photo: Image.Image, options: dict[str, Any]
) -> None:
    whole = pictures.encode(photo, **options)

    assert codes(whole[:-2] + bytes(500) + whole[-2:], limits) == []
    assert codes(whole[:-2] + bytes(500), limits) == ["end_missing"]


def test_jpeg__metadata_of_a_mended_one_is_read(pictures: Any, limits: Limits, photo: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x010E] = "Described"
    data = pictures.encode(photo, exif=exif)[:-2]

    assert read_metadata(data, limits).text.caption == "Described"


def test_jpeg__of_any_bytes_is_mended_or_left(pictures: Any, photo: Image.Image) -> None:
    whole = pictures.encode(photo, progressive=True)
    for end in range(2, 800, 3):
        assert mend_picture(whole[:end], JPEG, make_limits()).data == whole[:end]


def png(pictures: Any, photo: Image.Image) -> tuple[bytes, int]:
    """A PNG with a text, and where that chunk is."""
    data = pictures.encode(photo, "PNG")
    at = data.index(b"IDAT") - 4
    return data[:at] + pictures.png_chunk(b"tEXt", b"Title\0A cup") + data[at:], at


def test_png__with_a_damaged_text_is_accepted_without_it(pictures: Any, limits: Limits, photo: Image.Image) -> None:
    whole, at = png(pictures, photo)
    damaged = bytearray(whole)
    damaged[at + 16] ^= 1

    found = inspect_picture(bytes(damaged), limits)

    assert [(one.code, "tEXt" in one.detail) for one in found.warnings] == [("metadata_damaged", True)]
    assert decode_picture(bytes(damaged), limits).tobytes() == photo.tobytes()
    assert read_metadata(whole, limits).text.title == "A cup"
    assert read_metadata(bytes(damaged), limits).text.title == ""


@pytest.mark.parametrize("kind", [b"IHDR", b"IDAT", b"PLTE"])
def test_png__with_a_damaged_chunk_that_pixels_need_is_refused(
    pictures: Any, limits: Limits, photo: Image.Image, kind: bytes
) -> None:
    data = bytearray(pictures.encode(photo.quantize(16), "PNG"))
    data[data.index(kind) + 6] ^= 1

    with pytest.raises(ImageCorrupt):
        inspect_picture(bytes(data), limits)


@pytest.mark.parametrize("missing", [1, 4, 11, 12])
def test_png__without_its_end_is_accepted(pictures: Any, limits: Limits, photo: Image.Image, missing: int) -> None:
    whole, _ = png(pictures, photo)
    data = whole[:-missing]

    assert codes(data, limits) == ["end_missing"]
    assert decode_picture(data, limits).tobytes() == photo.tobytes()
    assert read_metadata(data, limits).text.title == "A cup"


@pytest.mark.parametrize("missing", [13, 17, 30, 400])
def test_png__that_lacks_pixels_is_refused(pictures: Any, limits: Limits, photo: Image.Image, missing: int) -> None:
    with pytest.raises(ImageTruncated):
        inspect_picture(pictures.encode(photo, "PNG")[:-missing], limits)


def test_png__whose_text_at_the_end_is_cut(pictures: Any, limits: Limits, photo: Image.Image) -> None:
    whole = pictures.encode(photo, "PNG")
    data = whole[:-12] + pictures.png_chunk(b"tEXt", b"Title\0A cup")[:-6]

    assert codes(data, limits) == ["end_missing"]
    assert decode_picture(data, limits).tobytes() == photo.tobytes()


@pytest.mark.parametrize("frames", [1, 3])
def test_gif__without_its_trailer_is_accepted(pictures: Any, limits: Limits, photo: Image.Image, frames: int) -> None:
    others = [photo.rotate(90 * place) for place in range(1, frames)]
    whole = pictures.encode(photo, "GIF", save_all=True, append_images=others)

    assert codes(whole, limits) == []
    assert codes(whole + b"more", limits) == []
    assert codes(whole[:-1], limits) == ["end_missing"]
    assert decode_picture(whole[:-1], limits).tobytes() == decode_picture(whole, limits).tobytes()
    assert inspect_picture(whole[:-1], limits).frames == frames


@pytest.mark.parametrize("missing", [2, 3, 40])
def test_gif__that_lacks_pixels_is_refused(pictures: Any, limits: Limits, photo: Image.Image, missing: int) -> None:
    with pytest.raises(ImageTruncated):
        inspect_picture(pictures.encode(photo, "GIF")[:-missing], limits)


def test_webp__whose_length_counts_metadata_that_is_cut(pictures: Any, limits: Limits, photo: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x010E] = "Described " * 20
    whole = pictures.encode(photo, "WEBP", lossless=True, exif=exif)
    data = whole[:-50]

    assert codes(data, limits) == ["end_missing"]
    assert decode_picture(data, limits).tobytes() == photo.tobytes()
    with pytest.raises(ImageTruncated):
        inspect_picture(whole[: whole.index(b"EXIF") - 2], limits)


def test_webp__animations_are_never_mended(pictures: Any, limits: Limits, photo: Image.Image) -> None:
    data = pictures.encode(photo, "WEBP", save_all=True, append_images=[photo.rotate(90)])

    with pytest.raises(ImageTruncated):
        inspect_picture(data[:-1], limits)
    assert mend_picture(data[:-1], WEBP, limits).data == data[:-1]


@pytest.mark.parametrize("picture_format", [JPEG, PNG, WEBP])
def test_mend_picture__whole_files_stay_as_they_are(pictures: Any, photo: Image.Image, picture_format: Any) -> None:
    data = pictures.encode(photo, picture_format.name)

    assert mend_picture(data, picture_format, make_limits()).data is data


@pytest.mark.parametrize("side", [100, 100_000])
def test_mend_picture__a_bomb_of_pixels_is_not_inflated_for_long(pictures: Any, limits: Limits, side: int) -> None:
    """Neither one that says how small it is, nor one that says how large."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    packed = zlib.compress(bytes(200 * 1024 * 1024))
    data = b"\x89PNG\r\n\x1a\n" + pictures.png_chunk(b"IHDR", header) + pictures.png_chunk(b"IDAT", packed)
    begun = time.process_time()

    assert mend_picture(data, PNG, limits).data == data
    assert time.process_time() - begun < 0.1


def test_mend_picture__a_jpeg_of_too_many_pixels_is_not_decoded(
    pictures: Any, limits: Limits, photo: Image.Image
) -> None:
    data = pictures.encode(photo)[:-2]
    pixels = photo.width * photo.height

    assert mend_picture(data, JPEG, replace(limits, max_pixels=pixels)).warnings
    assert mend_picture(data, JPEG, replace(limits, max_pixels=pixels - 1)).data is data


def test_mend_picture__a_jpeg_that_takes_too_much_memory_or_time_is_not_decoded(
    pictures: Any, photo: Image.Image
) -> None:
    """The limits of a JPEG with an end marker hold before one without is decoded to see whether it lacks pixels."""
    whole = pictures.encode(photo, progressive=True, subsampling=0)
    huge = bytearray(whole[:-2])
    at = huge.index(b"\xff\xc2")
    huge[at + 5 : at + 9] = struct.pack(">HH", 12_240, 16_320)
    last_scan = whole[whole.rindex(b"\xff\xda") : -2]

    with pytest.raises(TooManyPixels, match="progressive"):
        mend_picture(bytes(huge), JPEG, make_limits(max_pixels=268_000_000))
    with pytest.raises(ImageCorrupt, match="500 scans"):
        mend_picture(whole[:-2] + last_scan * 500, JPEG, make_limits())


def test_inspect_picture__a_cut_jpeg_is_decoded_twice_to_be_mended(
    pictures: Any, limits: Limits, photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = pictures.encode(photo)
    decoded: list[bytes] = []

    def pixel_sum(jpeg: bytes, most_pixels: int) -> int:
        decoded.append(jpeg)
        return _pixel_sum(jpeg, most_pixels)

    monkeypatch.setattr(mending, "_pixel_sum", pixel_sum)

    with pytest.raises(ImageTruncated):
        inspect_picture(data[: len(data) // 2], limits)
    assert len(decoded) == 2


@pytest.mark.parametrize("trailer", [bytes(40), b"\0\0\1\0\1\2\3\4" * 9, b"SEFHl\0\0\0\1\0\0\0"])
@pytest.mark.parametrize("name", ["AVIF", "HEIF"])
def test_iso__what_phones_append_does_not_count(
    pictures: Any, limits: Limits, photo: Image.Image, name: str, trailer: bytes
) -> None:
    register_heif_opener()
    data = pictures.encode(photo, name)

    assert codes(data + trailer, limits) == []
    assert decode_picture(data + trailer, limits).tobytes() == decode_picture(data, limits).tobytes()
    for end in (len(data) - 1, len(data) - 40, len(data) // 2):
        with pytest.raises(ImageTruncated):
            inspect_picture(data[:end], limits)
