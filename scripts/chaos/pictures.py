"""Small pictures, many of them similar. Each is determined by the seed and its number, and all are different files."""

import io

import numpy as np
from PIL import Image

_KINDS = 24


def draw_picture(seed: int, number: int) -> bytes:
    """A JPEG of 64 x 48 pixels, a variation of one of a few kinds."""
    kind = np.random.default_rng((seed, 0, number % _KINDS))
    own = np.random.default_rng((seed, 1, number))
    coarse = kind.integers(0, 255, size=(3, 4, 3)).astype(float)
    varied = np.clip(coarse + own.normal(scale=18, size=coarse.shape), 0, 255).astype(np.uint8)
    image = Image.fromarray(varied).resize((64, 48), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85, comment=f"{seed} {number}".encode())
    return buffer.getvalue()
