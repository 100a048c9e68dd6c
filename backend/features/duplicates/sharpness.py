"""Relative sharpness of pictures."""

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from backend.errors import MediaclusterError
from backend.features.services import Services
from backend.files.storage import read_thumbnail

_MOST_PIXELS_A_SIDE = 512


def laplacian_variance(grey: NDArray[np.floating]) -> float:
    """Variance of the Laplacian of a grey picture (h, w), both at least 3. Larger with more fine detail.

    Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy: a comparative study" (ICPR 2000).
    """
    centre = grey[1:-1, 1:-1]
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * centre
    return float(laplacian.var())


def compare_sharpness(services: Services, checksums: Sequence[bytes]) -> list[float | None]:
    """Sharpness of each picture relative to the sharpest. None without a thumbnail, or if it is too small.

    All are measured at the size of the smallest, because versions of a picture differ in pixels and a small one would look sharper.
    """
    greys = [_open_grey(services, checksum) for checksum in checksums]
    sides = [max(grey.size) for grey in greys if grey is not None]
    if not sides:
        return [None] * len(greys)
    side = min(*sides, _MOST_PIXELS_A_SIDE)
    found = [None if grey is None else _measure(grey, side) for grey in greys]
    sharpest = max((value for value in found if value is not None), default=0.0)
    return [None if value is None or sharpest <= 0 else value / sharpest for value in found]


def _open_grey(services: Services, checksum: bytes) -> Image.Image | None:
    try:
        content = read_thumbnail(services.storage, checksum, "large")
    except MediaclusterError:
        return None
    return Image.open(io.BytesIO(content)).convert("L")


def _measure(grey: Image.Image, side: int) -> float | None:
    scale = side / max(grey.size)
    width, height = (max(1, round(length * scale)) for length in grey.size)
    if min(width, height) < 3:
        return None
    resized = grey.resize((width, height), Image.Resampling.BICUBIC)
    return laplacian_variance(np.asarray(resized, dtype=np.float32))
