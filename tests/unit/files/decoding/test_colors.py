"""Colors are those that a viewer with color management shows, whatever the file states them in."""

import io
import struct
import sys
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from backend.files.decoding import inspect_picture
from backend.files.decoding.colors import find_conversion
from backend.files.decoding.perceptual_hash import perceptual_hash
from backend.files.decoding.pixels import decode_picture
from backend.files.decoding.thumbnails import make_thumbnails
from backend.files.formats import PNG, WEBP, open_picture
from tests.support.limits import make_limits
from tests.support.profiles import (
    ADOBE_RGB,
    D65,
    DISPLAY_P3,
    INKS,
    P3_PRIMARIES,
    PROPHOTO,
    SRGB,
    Space,
    cmyk_profile,
    grey_profile,
    srgb_encode,
    srgb_of_lab,
)

LIMITS = make_limits()
VIVID = ("#dc1414", "#14c814", "#1414dc", "#ffffff")
# Wide spaces have few values for dark and vivid colors, so lossy formats lose those.
SOFT = ("#c85050", "#50b450", "#5050c8", "#ffffff")
LOSSLESS: list[tuple[str, dict[str, Any]]] = [("PNG", {}), ("WEBP", {"lossless": True})]
LOSSY: list[tuple[str, dict[str, Any]]] = [
    ("JPEG", {"quality": 95, "subsampling": 0}),
    ("JPEG", {"quality": 95, "subsampling": 0, "progressive": True}),
    ("WEBP", {"quality": 95}),
    ("AVIF", {"quality": 95, "subsampling": "4:4:4"}),
    ("HEIF", {"quality": 95, "chroma": 444}),
]


@pytest.fixture(scope="module", autouse=True)
def _heif() -> None:
    import pillow_heif

    pillow_heif.register_heif_opener()


def quarters(side: int = 64, colors: tuple[str, ...] = VIVID) -> Image.Image:
    image = Image.new("RGB", (side, side))
    half = side // 2
    for place, color in enumerate(colors):
        left, top = place % 2 * half, place // 2 * half
        image.paste(color, (left, top, left + half, top + half))
    return image


def photo(pictures: Any) -> Image.Image:
    return Image.open(io.BytesIO(pictures.photograph("coffee.png"))).convert("RGB").resize((300, 200))


def farthest(one: Image.Image, other: Image.Image) -> int:
    """The largest difference of two values."""
    assert (one.size, one.mode) == (other.size, other.mode)
    return int(np.abs(np.asarray(one, dtype=int) - np.asarray(other, dtype=int)).max())


def inner(image: Image.Image) -> Image.Image:
    """The middles of the quarters, away from the edges that codecs blur."""
    side = image.width // 2
    middles = Image.new("RGB", (side // 2 * 2, side // 2 * 2))
    for place in range(4):
        left, top = place % 2 * side + side // 4, place // 2 * side + side // 4
        middles.paste(
            image.crop((left, top, left + side // 2, top + side // 2)), (place % 2 * side // 2, place // 2 * side // 2)
        )
    return middles


@pytest.mark.parametrize(("name", "options"), LOSSLESS)
@pytest.mark.parametrize("space", [DISPLAY_P3, ADOBE_RGB, PROPHOTO], ids=["P3", "Adobe RGB", "ProPhoto"])
def test_decode_picture__icc_profile_gives_the_srgb_twin(
    pictures: Any, space: Space, name: str, options: dict[str, Any]
) -> None:
    original = photo(pictures)
    twin = space.twin_of(original)
    # The twin has other values. Eight bits of a wide space are coarse in the dark, so its rounding shows there.
    assert farthest(twin, original) > 20

    found = decode_picture(pictures.encode(twin, name, icc_profile=space.profile(), **options), LIMITS)

    difference = np.abs(np.asarray(found, dtype=int) - np.asarray(original, dtype=int))
    assert difference.mean() < 1.0
    assert np.percentile(difference, 99.9) <= 8


@pytest.mark.parametrize(("name", "options"), LOSSLESS + LOSSY)
@pytest.mark.parametrize("space", [DISPLAY_P3, ADOBE_RGB, PROPHOTO], ids=["P3", "Adobe RGB", "ProPhoto"])
def test_decode_picture__each_format_converts(pictures: Any, space: Space, name: str, options: dict[str, Any]) -> None:
    original = quarters(colors=VIVID if space is DISPLAY_P3 else SOFT)
    data = pictures.encode(space.twin_of(original), name, icc_profile=space.profile(), **options)

    assert farthest(inner(decode_picture(data, LIMITS)), inner(original)) <= 8
    assert inspect_picture(data, LIMITS).warnings == ()


def test_decode_picture__swapped_primaries_are_swapped_back(pictures: Any) -> None:
    swapped = Space(((0.15, 0.06), (0.30, 0.60), (0.64, 0.33)))
    twin = swapped.twin_of(quarters())
    assert np.asarray(twin)[2, 2, 2] > 200  # its red is in the channel of blue

    found = decode_picture(pictures.encode(twin, "PNG", icc_profile=swapped.profile()), LIMITS)

    assert farthest(found, quarters()) <= 2


def test_decode_picture__converts_after_shrinking_and_turning(pictures: Any) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = pictures.encode(DISPLAY_P3.twin_of(quarters(1024)), quality=95, icc_profile=DISPLAY_P3.profile(), exif=exif)

    found = decode_picture(data, LIMITS, at_least=64)

    assert found.size == (128, 128)
    assert farthest(inner(found), inner(quarters(128).rotate(-90))) <= 8


def test_decode_picture__alpha_stays(pictures: Any) -> None:
    twin = DISPLAY_P3.twin_of(quarters())
    twin.putalpha(Image.linear_gradient("L").resize(twin.size))
    expected = Image.new("RGB", twin.size, "white")
    expected.paste(quarters(), mask=twin.getchannel("A"))

    for name, options in LOSSLESS:
        data = pictures.encode(twin, name, icc_profile=DISPLAY_P3.profile(), exact=True, **options)
        assert farthest(decode_picture(data, LIMITS), expected) <= 2


def test_decode_picture__palette(pictures: Any) -> None:
    twin = DISPLAY_P3.twin_of(quarters()).quantize(4)
    data = pictures.encode(twin, "PNG", icc_profile=DISPLAY_P3.profile())

    assert farthest(decode_picture(data, LIMITS), quarters()) <= 3


@pytest.mark.parametrize("mode", ["L", "LA", "I;16"])
def test_decode_picture__grey(pictures: Any, mode: str) -> None:
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    grey = Image.fromarray(values)
    if mode == "LA":
        grey.putalpha(255)
    elif mode == "I;16":
        grey = Image.fromarray(values.astype(np.uint16) * 257)
    expected = srgb_encode((values / 255) ** 1.8) * 255
    assert np.abs(expected - values).max() > 15

    found = np.asarray(decode_picture(pictures.encode(grey, "PNG", icc_profile=grey_profile(1.8)), LIMITS), dtype=float)

    assert np.abs(found - expected[..., None]).max() <= 2


def test_decode_picture__cmyk_with_profile(pictures: Any) -> None:
    for inks, lab in INKS.items():
        image = Image.new("CMYK", (16, 16), tuple(255 * ink for ink in inks))
        data = pictures.encode(image, quality=100, icc_profile=cmyk_profile())

        found = np.asarray(decode_picture(data, LIMITS))[8, 8]

        assert np.abs(found.astype(int) - srgb_of_lab(*lab)).max() <= 8, inks
        assert inspect_picture(data, LIMITS).warnings == ()


def test_decode_picture__black_point_compensation(pictures: Any) -> None:
    """The darkest that a press prints is shown as black, not as the grey that it is."""
    dark = (20, 0, 0)
    data = pictures.encode(
        Image.new("CMYK", (16, 16), (0, 0, 0, 255)), quality=100, icc_profile=cmyk_profile(black=dark)
    )
    assert min(srgb_of_lab(*dark)) > 40

    assert np.asarray(decode_picture(data, LIMITS))[8, 8].max() <= 5


def test_decode_picture__cmyk_without_profile_by_the_plain_formula(pictures: Any) -> None:
    data = pictures.encode(Image.new("CMYK", (16, 16), (255, 0, 0, 0)), quality=100)

    assert decode_picture(data, LIMITS).getpixel((8, 8)) == pytest.approx((0, 255, 255), abs=3)


def png_with(image: Image.Image, pictures: Any, *chunks: tuple[bytes, bytes]) -> bytes:
    data = pictures.encode(image, "PNG")
    end_of_header = 8 + 25
    return data[:end_of_header] + b"".join(pictures.png_chunk(*chunk) for chunk in chunks) + data[end_of_header:]


def chromaticities(primaries: tuple[tuple[float, float], ...]) -> bytes:
    return struct.pack(">8I", *(round(value * 100_000) for point in (D65, *primaries) for value in point))


def test_decode_picture__gamma_and_chromaticities_of_png(pictures: Any) -> None:
    space = Space(P3_PRIMARIES, gamma=1.8)
    chunks = [(b"gAMA", struct.pack(">I", round(100_000 / 1.8))), (b"cHRM", chromaticities(P3_PRIMARIES))]

    found = decode_picture(png_with(space.twin_of(quarters()), pictures, *chunks), LIMITS)
    overruled = decode_picture(png_with(quarters(), pictures, (b"sRGB", b"\0"), *chunks), LIMITS)
    grey = decode_picture(png_with(Image.new("L", (4, 4), 100), pictures, chunks[0]), LIMITS)

    assert farthest(found, quarters()) <= 2
    assert farthest(overruled, quarters()) == 0
    assert np.asarray(grey)[0, 0, 0] == pytest.approx(float(srgb_encode(np.float64(100 / 255) ** 1.8)) * 255, abs=1)


@pytest.mark.parametrize(
    "chunks",
    [
        [(b"gAMA", struct.pack(">I", 45_455))],
        [(b"gAMA", struct.pack(">I", 45_455)), (b"cHRM", chromaticities(((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))))],
        [(b"gAMA", struct.pack(">I", 0))],
        [(b"gAMA", struct.pack(">I", 1))],
        [(b"cHRM", bytes(32))],
        [(b"cHRM", struct.pack(">8I", *[30_000] * 8))],
        [(b"cICP", bytes((1, 13, 0, 1)))],
        [(b"cICP", bytes((9, 16, 0, 1)))],  # HDR is left as it is
    ],
)
def test_decode_picture__png_chunks_that_say_srgb_or_nothing(pictures: Any, chunks: list[tuple[bytes, bytes]]) -> None:
    assert farthest(decode_picture(png_with(quarters(), pictures, *chunks), LIMITS), quarters()) == 0


def test_decode_picture__code_points_of_png(pictures: Any) -> None:
    data = png_with(DISPLAY_P3.twin_of(quarters()), pictures, (b"cICP", bytes((12, 13, 0, 1))))

    assert farthest(decode_picture(data, LIMITS), quarters()) <= 3


def test_decode_picture__damaged_code_points_of_png_are_ignored_with_a_warning(pictures: Any) -> None:
    data = png_with(quarters(), pictures, (b"cICP", bytes((1, 13, 0, 1))))
    damaged = data.replace(b"cICP\1", b"cICP\14")

    assert farthest(decode_picture(damaged, LIMITS), quarters()) == 0
    assert [one.code for one in inspect_picture(damaged, LIMITS).warnings] == ["metadata_damaged"]


@pytest.mark.parametrize(
    ("name", "options"), [("AVIF", {"quality": 95, "subsampling": "4:4:4"}), ("HEIF", {"quality": 95, "chroma": 444})]
)
def test_decode_picture__code_points_of_avif_and_heic(pictures: Any, name: str, options: dict[str, Any]) -> None:
    data = pictures.encode(DISPLAY_P3.twin_of(quarters()), name, **options)
    at = data.index(b"colrnclx") + 8
    data = data[:at] + struct.pack(">HH", 12, 13) + data[at + 4 :]

    assert farthest(inner(decode_picture(data, LIMITS)), inner(quarters())) <= 8


def test_decode_picture__adobe_rgb_as_cameras_write_it(pictures: Any) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA001] = 0xFFFF
    exif.get_ifd(0x8769)[0xA005] = {1: "R03", 2: b"0100"}

    data = pictures.encode(ADOBE_RGB.twin_of(quarters()), quality=95, subsampling=0, exif=exif)
    srgb = pictures.encode(quarters(), quality=95, subsampling=0)

    assert b"R03\0" in data
    assert farthest(inner(decode_picture(data, LIMITS)), inner(quarters())) <= 8
    assert farthest(inner(decode_picture(srgb, LIMITS)), inner(quarters())) <= 8


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("space", "picture"), [(2, ADOBE_RGB), (1, SRGB)])
def test_decode_picture__color_space_in_exif(pictures: Any, order: str, space: int, picture: Any) -> None:
    exif = Image.Exif()
    exif.endian = order
    exif.get_ifd(0x8769)[0xA001] = space
    twin = picture.twin_of(quarters())

    data = pictures.encode(twin, quality=95, subsampling=0, exif=exif)

    assert farthest(inner(decode_picture(data, LIMITS)), inner(quarters())) <= 8


SRGB_PROFILES = {
    "LittleCMS": lambda: ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    "by hand": SRGB.profile,
}


@pytest.mark.parametrize("profile", SRGB_PROFILES.values(), ids=SRGB_PROFILES)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_decode_picture__srgb_profiles_change_nothing(pictures: Any, profile: Any, mode: str) -> None:
    original = photo(pictures).convert(mode)
    data = pictures.encode(original, "PNG", icc_profile=profile())

    assert farthest(decode_picture(data, LIMITS), original.convert("RGB")) == 0
    assert inspect_picture(data, LIMITS).warnings == ()


def damaged(profile: bytes) -> bytes:
    return profile[:128] + bytes(len(profile) - 128)


@pytest.mark.parametrize(
    ("mode", "profile", "words"),
    [
        ("RGB", b"", "damaged"),
        ("RGB", b"not a profile", "damaged"),
        ("RGB", damaged(DISPLAY_P3.profile()), "damaged"),
        ("RGB", DISPLAY_P3.profile()[:200], "damaged"),
        ("RGB", DISPLAY_P3.profile().replace(b"mntr", b"link"), "does not describe a device"),
        ("RGB", grey_profile(1.8), "is RGB, but its color profile is for grey"),
        ("RGB", cmyk_profile(), "is RGB, but its color profile is for CMYK"),
        ("L", DISPLAY_P3.profile(), "is grey, but its color profile is for RGB"),
        ("RGB", bytes(5 * 1024 * 1024), "5,242,880 bytes"),
    ],
)
def test_inspect_picture__a_profile_that_does_not_fit_is_ignored_with_a_warning(
    pictures: Any, mode: str, profile: bytes, words: str
) -> None:
    original = photo(pictures).convert(mode)
    data = pictures.encode(original, "WEBP" if mode == "RGB" else "PNG", lossless=True, icc_profile=profile or b"\0")

    warnings = inspect_picture(data, LIMITS).warnings

    assert [warning.code for warning in warnings] == ["color_profile_ignored"]
    assert words in warnings[0].detail
    assert farthest(decode_picture(data, LIMITS), original.convert("RGB")) == 0


def test_inspect_picture__cmyk_with_a_profile_for_rgb(pictures: Any) -> None:
    data = pictures.encode(Image.new("CMYK", (16, 16), (255, 0, 0, 0)), quality=100, icc_profile=DISPLAY_P3.profile())

    assert "is CMYK, but its color profile is for RGB" in inspect_picture(data, LIMITS).warnings[0].detail
    assert decode_picture(data, LIMITS).getpixel((8, 8)) == pytest.approx((0, 255, 255), abs=3)


def test_inspect_picture__a_lost_piece_of_a_profile(pictures: Any) -> None:
    """A JPEG carries a large profile in several segments, each with its number and their count."""
    whole = DISPLAY_P3.profile()
    segment = b"ICC_PROFILE\0" + bytes((1, 2)) + whole[: len(whole) // 2]
    data = pictures.with_segments(pictures.encode(quarters()), (0xE2, segment))

    assert [one.code for one in inspect_picture(data, LIMITS).warnings] == ["color_profile_ignored"]
    decode_picture(data, LIMITS)


def test_thumbnails_and_hash__are_those_of_the_srgb_twin(pictures: Any) -> None:
    original = photo(pictures).resize((1600, 1200))
    data = pictures.encode(DISPLAY_P3.twin_of(original), "PNG", icc_profile=DISPLAY_P3.profile())

    found = decode_picture(data, LIMITS)

    for thumbnail in make_thumbnails(found).values():
        opened = Image.open(io.BytesIO(thumbnail))
        assert "icc_profile" not in opened.info
        twin = np.asarray(original.resize(opened.size, Image.Resampling.HAMMING), dtype=int)
        assert np.abs(np.asarray(opened.convert("RGB"), dtype=int) - twin).mean() < 4
    assert (perceptual_hash(found) ^ perceptual_hash(original)).bit_count() <= 2


@pytest.mark.parametrize("profile", [None, *SRGB_PROFILES], ids=str)
def test_find_conversion__is_cheap_without_a_profile_and_with_srgb(pictures: Any, profile: str | None) -> None:
    options = {} if profile is None else {"icc_profile": SRGB_PROFILES[profile]()}
    data = pictures.encode(quarters(), "PNG", **options)
    with open_picture(data, PNG) as image:
        find_conversion(image, data, PNG)  # a process meets a profile once for the first time
        begun = time.process_time()
        for _ in range(100):
            assert find_conversion(image, data, PNG).transform is None
        assert (time.process_time() - begun) / 100 < 0.002


def test_find_conversion__keeps_no_profile_that_is_too_long() -> None:
    image = quarters()
    image.info["icc_profile"] = profile = bytes(5 * 1024 * 1024)
    held = sys.getrefcount(profile)

    assert find_conversion(image, b"", WEBP).warning is not None
    assert sys.getrefcount(profile) == held


def test_find_conversion__of_a_format_that_is_switched_off_nothing_is_asked(pictures: Any) -> None:
    with pytest.raises(Exception, match="HEIC"):
        decode_picture(pictures.encode(quarters(), "HEIF"), replace(LIMITS, enable_heif=False))
