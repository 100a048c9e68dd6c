"""A JPEG that is judged without decoding all of it is judged as if it were."""

import random
from typing import Any

import pytest
from PIL import Image

from backend.errors import InputError
from backend.files.decoding import inspect_picture, inspection
from backend.files.decoding.inspection import Inspection
from backend.files.formats import jpeg, shorten_jpeg
from backend.files.limits import Limits

# Encoders' options for pictures of one scan.
OF_ONE_SCAN: list[dict[str, Any]] = [
    {"quality": 90},
    {"subsampling": 0},
    {"optimize": True},
    {"keep_rgb": True},
    {"restart_marker_rows": 1},
    {"restart_marker_blocks": 3},
]
IDS = ["plain", "unsampled", "optimized", "rgb", "restarts-by-row", "restarts-by-block"]
END = b"\xff\xd9"
# What a damaged file may hold where it should not.
MARKERS = (
    END,
    b"\xff\xd8",
    b"\xff\xda",
    b"\xff\xc4",
    b"\xff\xd0",
    b"\xff\x01",
    b"\xff" + END,
    b"\xff\xfe\0\x04ab",
    b"\xff",
)


@pytest.fixture(scope="module")
def noise() -> Image.Image:
    """Of which a JPEG has far more than it takes to begin with."""
    return Image.merge("RGB", [Image.effect_noise((200, 140), strength) for strength in (60, 80, 100)])


@pytest.fixture(scope="module")
def kinds(pictures: Any, noise: Image.Image) -> list[bytes]:
    """Of one scan and of several, in all modes, with and without something behind their end."""
    small = noise.resize((60, 40))
    plain = pictures.encode(small)
    return [
        *(pictures.encode(small, **options) for options in OF_ONE_SCAN),
        pictures.encode(small.convert("L")),
        pictures.encode(small.convert("CMYK")),
        pictures.encode(small, progressive=True),
        pictures.encode(small, "MPO", save_all=True, append_images=[small.rotate(90)]),
        plain + b"a trailer" * 20,
        pictures.encode(Image.new("RGB", (3, 2), "red")),
    ]


@pytest.mark.parametrize("options", OF_ONE_SCAN, ids=IDS)
def test_shorten_jpeg__of_one_scan(pictures: Any, noise: Image.Image, options: dict[str, Any]) -> None:
    data = pictures.encode(noise, **options)
    start = data.index(b"\xff\xda")

    shortened = shorten_jpeg(data)

    assert start < len(shortened) < min(len(data) // 2, start + 5000)
    assert data.startswith(shortened.removesuffix(END))
    assert shorten_jpeg(data + b"a trailer") == shortened


def test_shorten_jpeg__several_pictures_in_one_file(pictures: Any, noise: Image.Image) -> None:
    data = pictures.encode(noise, "MPO", save_all=True, append_images=[noise])
    assert len(shorten_jpeg(data)) < len(data) // 4


@pytest.mark.parametrize("part", [0.0, 0.001, 0.3, 0.9999])
def test_shorten_jpeg__not_one_that_is_cut(pictures: Any, noise: Image.Image, part: float) -> None:
    data = pictures.encode(noise)
    data = data[: int(part * len(data))]
    assert shorten_jpeg(data) is data


@pytest.mark.parametrize("marker", [b"\xff\xd8", b"\xff\xda", b"\xff\x01", b"\xff\xfe"])
def test_shorten_jpeg__not_one_with_another_marker_in_its_pixels(
    pictures: Any, noise: Image.Image, marker: bytes
) -> None:
    """A second picture that begins where the first was cut, say."""
    data = pictures.encode(noise)
    middle = len(data) // 2
    assert len(shorten_jpeg(data[:middle] + b"\xff\0\xff\xd3" + data[middle:])) < middle
    damaged = data[:middle] + marker + data[middle:]
    assert shorten_jpeg(damaged) is damaged


def test_shorten_jpeg__not_one_of_several_scans(pictures: Any, noise: Image.Image) -> None:
    progressive = pictures.encode(noise, progressive=True)
    assert shorten_jpeg(progressive) is progressive
    plain = pictures.encode(noise)
    frame, scan = plain.index(b"\xff\xc0"), plain.index(b"\xff\xda")
    only_first_component = bytearray(plain)
    only_first_component[scan + 4] = 1
    assert shorten_jpeg(bytes(only_first_component)) == bytes(only_first_component)
    otherwise_coded = bytearray(plain)
    otherwise_coded[frame + 1] = 0xC9  # arithmetic
    assert shorten_jpeg(bytes(otherwise_coded)) == bytes(otherwise_coded)


def test_shorten_jpeg__not_one_with_a_restart_in_its_header(pictures: Any, noise: Image.Image) -> None:
    """It has no length, whatever follows."""
    data = pictures.encode(noise)
    assert len(shorten_jpeg(data[:2] + b"\xff\xff\xfe\0\x04ab" + data[2:])) < len(data) // 2
    odd = data[:2] + b"\xff\xd0\0\x04ab" + data[2:]
    assert shorten_jpeg(odd) is odd


@pytest.mark.parametrize("seed", range(4))
def test_inspect_picture__a_damaged_jpeg_is_judged_as_if_it_were_decoded(
    kinds: list[bytes], limits: Limits, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Bytes that are changed, lost, put in and repeated, in the header and among the pixels. What is behind the end of a picture
    decides only by which name damage is called."""
    monkeypatch.setattr(jpeg, "_BEGINNING_BYTES", 64)  # so that little files are shortened too
    generator = random.Random(seed)
    shortened = refused = 0
    for _ in range(1500):
        data = _damage(generator, generator.choice(kinds))
        found = _judge(data, limits)
        monkeypatch.setattr(inspection, "shorten_jpeg", lambda whole: whole)
        decoded = _judge(data, limits)
        monkeypatch.setattr(inspection, "shorten_jpeg", shorten_jpeg)
        assert found == decoded, data.hex()
        shortened += shorten_jpeg(data) is not data
        refused += found is None
    assert shortened > 300
    assert refused > 300


def _judge(data: bytes, limits: Limits) -> Inspection | None:
    try:
        return inspect_picture(data, limits)
    except InputError:
        return None


def _damage(generator: random.Random, jpeg: bytes) -> bytes:
    data = bytearray(jpeg)
    for _ in range(generator.choice((1, 1, 1, 2, 4))):
        pixels = max(data.find(b"\xff\xda"), 2)
        before, behind = (2, min(pixels + 14, len(data))), (min(pixels, len(data) - 1), len(data))
        at, many = generator.randrange(*generator.choice((before, behind))), generator.randrange(1, 60)
        match generator.randrange(6):
            case 0:
                data[at] ^= generator.randrange(1, 256)
            case 1:
                data[at:] = generator.choice((END, b""))
            case 2:
                del data[at : at + many]
            case 3:
                data[at:at] = generator.choice(MARKERS)
            case 4:
                data[at : at + many] = bytes(many)
            case _:
                data[at:at] = generator.randbytes(many)
        if len(data) < 8:
            break
    return bytes(data)
