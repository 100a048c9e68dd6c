# ruff: noqa: INP001 - scripts, not a package
"""Vectors for measurements: those of a library, and queries of the same kind that are not in it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

KINDS = ("random", "structured")

SPARE = 1000  # vectors that are not stored, for queries
_CENTRES, _LATENT, _NOISE = 300, 32, 0.3

Matrix = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Vectors:
    """Stored images (n, d) and texts (n, e), and 1,000 query rows of each that are not stored."""

    images: Matrix
    texts: Matrix
    image_queries: Matrix
    text_queries: Matrix

    def combined(self, query: int, alpha: float) -> NDArray[np.float64]:
        """Alpha * sim_image + (1 - alpha) * sim_text of every picture (n,) for one query, computed in numpy."""
        image, text = self.image_queries[query], self.text_queries[query]
        combined: NDArray[np.float64] = alpha * (self.images @ image).astype(np.float64)
        combined += (1 - alpha) * (self.texts @ text).astype(np.float64)
        return combined


def make_vectors(kind: str, count: int, image_dimension: int = 512, text_dimension: int = 384) -> Vectors:
    """Make vectors, both sides independently. `random` directions are the worst case for an index; `structured` vectors form clusters in few
    dimensions, like those of real libraries."""
    generator = np.random.default_rng(7)
    make = _random if kind == "random" else _structured
    images, texts = make(count + SPARE, image_dimension, generator), make(count + SPARE, text_dimension, generator)
    return Vectors(images[:count], texts[:count], images[count:], texts[count:])


def _random(count: int, dimension: int, generator: np.random.Generator) -> Matrix:
    return _unit(generator.standard_normal((count, dimension), dtype=np.float32))


def _structured(count: int, dimension: int, generator: np.random.Generator) -> Matrix:
    """A mixture in few dimensions, embedded linearly in all, with noise."""
    spread = generator.standard_normal((_LATENT, dimension), dtype=np.float32)
    centres = generator.standard_normal((_CENTRES, _LATENT), dtype=np.float32)
    latent = centres[generator.integers(_CENTRES, size=count)]
    latent = latent + 0.7 * generator.standard_normal((count, _LATENT), dtype=np.float32)
    noise = generator.standard_normal((count, dimension), dtype=np.float32)
    return _unit(_unit(latent @ spread) + _NOISE * _unit(noise))


def _unit(rows: Matrix) -> Matrix:
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows
