"""Work of a decoder process on one file: inspection, or decoding to pixels, thumbnails and a perceptual hash."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from PIL import Image

from backend.files.decoding.colors import find_conversion
from backend.files.decoding.inspection import inspect_picture
from backend.files.decoding.perceptual_hash import perceptual_hash
from backend.files.decoding.pixels import decode_picture
from backend.files.decoding.thumbnails import make_thumbnails
from backend.files.formats import identify_format, mend_picture, open_header
from backend.files.limits import Limits

# The encoder first crops longer strips to their middle, so these are passed on unchanged.
_LONGEST_STRIP: Final = 16
# Larger pictures are first shrunk by whole pixels to three times the size, in less than half of the time.
_EXACT_UP_TO_PIXELS: Final = 1024
_REDUCING_GAP: Final = 3.0


def work(request: dict[str, Any], data: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """Answer one request of `backend.files.decoding.decoders`. Raises as the functions that it calls."""
    limits = Limits(**request["limits"])
    if request["task"] == "inspect":
        return _inspect(data, limits), []
    if request["task"] == "colors":
        return {"others": _has_other_colors(data, limits)}, []
    return _decode(data, limits, request)


def _inspect(data: bytes, limits: Limits) -> dict[str, Any]:
    from backend.files.metadata import read_metadata

    mended = mend_picture(data, identify_format(data, limits), limits)
    inspection = inspect_picture(data, limits, mended)
    metadata = read_metadata(data, limits, mended)
    return {
        "inspection": asdict(inspection),
        "text": asdict(metadata.text),
        "exif": metadata.exif,
        "dates": [one.to_json() for one in metadata.dates],
        "warnings": metadata.warnings,
    }


def _has_other_colors(data: bytes, limits: Limits) -> bool:
    picture_format = identify_format(data, limits)
    mended = mend_picture(data, picture_format, limits).data
    with open_header(mended, picture_format) as image:
        return find_conversion(image, mended, picture_format).transform is not None


def _decode(data: bytes, limits: Limits, request: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    image = decode_picture(data, limits, at_least=request["at_least"], longest=request["longest"])
    thumbnails = make_thumbnails(image) if request["derive"] else {}
    phash = perceptual_hash(image) if request["derive"] or request["hashed"] else None
    shrunk = fit_picture(image, request["fit"])
    header = {"size": shrunk.size, "thumbnails": list(thumbnails), "perceptual_hash": phash}
    return header, [shrunk.tobytes(), *thumbnails.values()]


def fit_picture(image: Image.Image, fit: int | Sequence[int] | None) -> Image.Image:
    """Shrink to `fit` pixels on the shorter side, or to (width, height), as torchvision's `Resize` would.

    An encoder whose preprocessing begins with this step then has nothing left to do, and its vectors do not change: bit for
    bit up to 1,024 pixels on the shorter side, up to a cosine of 0.999 beyond.
    """
    if fit is None:
        return image
    if not isinstance(fit, int):
        width, height = fit
        return image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=_reducing_gap(image))
    shorter, longer = sorted(image.size)
    if shorter <= fit or longer > _LONGEST_STRIP * shorter:
        return image
    long_side = int(fit * longer / shorter)
    size = (fit, long_side) if image.width <= image.height else (long_side, fit)
    return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=_reducing_gap(image))


def _reducing_gap(image: Image.Image) -> float | None:
    return _REDUCING_GAP if min(image.size) > _EXACT_UP_TO_PIXELS else None
