"""Of a file with more than a picture in it (a gain map, a movie, a second view, a burst) the main picture is what counts."""

import io
import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageChops
from pillow_heif import register_heif_opener

from backend.files.decoding import inspect_picture
from backend.files.decoding.pixels import decode_picture
from backend.files.limits import Limits
from backend.files.metadata import read_metadata, says_place

MOVIE = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"\0\0\x10\x08mdat" + bytes(range(256)) * 16
# Many movies end in zeros, which are not missing pixels.
ZEROS = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(100_000)
PLACED = MOVIE + b"\xa9xyz\0\x12\x15\xc7+47.3769+008.5417/"


@pytest.fixture(scope="module")
def noise() -> Image.Image:
    register_heif_opener()
    return Image.effect_noise((240, 160), 60).convert("RGB")


def jpeg(image: Image.Image, properties: str = "") -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90)
    data = file.getvalue()
    if not properties:
        return data
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {properties}/></rdf:RDF></x:xmpmeta>'
    ).encode()
    contents = b"http://ns.adobe.com/xap/1.0/\0" + packet
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(contents) + 2) + contents + data[2:]


def several(image: Image.Image, picture_format: str) -> bytes:
    file = io.BytesIO()
    image.save(file, picture_format, save_all=True, append_images=[image.rotate(180)])
    return file.getvalue()


CAMERA = 'xmlns:GCamera="http://ns.google.com/photos/1.0/camera/"'
FILES: dict[str, Any] = {
    "ultra hdr": lambda image: (
        jpeg(image, 'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"')
        + jpeg(Image.new("L", (60, 40), 90))
    ),
    "motion photo": lambda image: (
        jpeg(image, f'{CAMERA} GCamera:MotionPhoto="1" GCamera:MicroVideoOffset="{len(MOVIE)}"') + MOVIE
    ),
    "motion photo of zeros": lambda image: jpeg(image, f'{CAMERA} GCamera:MotionPhoto="1"') + ZEROS,
    "motion photo of Samsung": lambda image: jpeg(image) + b"\0\0\x30\x0a\x10\0\0\0MotionPhoto_Data" + MOVIE + b"SEFT",
    "panorama": lambda image: jpeg(
        image,
        'xmlns:GPano="http://ns.google.com/photos/1.0/panorama/" GPano:ProjectionType="equirectangular"',
    ),
    "depth map": lambda image: jpeg(
        image, 'xmlns:GDepth="http://ns.google.com/photos/1.0/depthmap/" GDepth:Format="RangeInverse"'
    ),
    "two views": lambda image: several(image, "MPO"),
    "HEIC burst": lambda image: several(image, "HEIF"),
    "HEIC and movie": lambda image: several(image, "HEIF") + MOVIE,
    "AVIF sequence": lambda image: several(image, "AVIF"),
}


@pytest.mark.parametrize("kind", FILES)
def test_file_with_more__is_its_main_picture(noise: Image.Image, limits: Limits, kind: str) -> None:
    data = FILES[kind](noise)

    found = inspect_picture(data, limits)
    shown = decode_picture(data, limits)

    assert (found.width, found.height, found.byte_size, found.warnings) == (*noise.size, len(data), ())
    assert shown.size == noise.size
    apart = np.asarray(ImageChops.difference(shown.resize((24, 16)), noise.resize((24, 16))))
    assert apart.max() < 9
    said = read_metadata(data, limits)
    assert said.text.is_empty
    assert not said.warnings


def test_motion_photo__without_the_end_of_its_picture_is_a_warning(noise: Image.Image, limits: Limits) -> None:
    assert [one.code for one in inspect_picture(jpeg(noise)[:-2] + MOVIE, limits).warnings] == ["end_missing"]


@pytest.mark.parametrize("kind", ["JPEG", "HEIF"])
def test_movie_in_a_file__says_a_place(noise: Image.Image, kind: str) -> None:
    picture = jpeg(noise) if kind == "JPEG" else several(noise, kind)

    assert says_place(picture + PLACED)
    assert not says_place(picture + MOVIE)
