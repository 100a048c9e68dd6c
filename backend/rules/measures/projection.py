"""Projection of embeddings to the plane, for a map of the library."""

import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]
Vectors = NDArray[np.float32]

NEIGHBOURS = 15
_MIN_DISTANCE = 0.1
# With fewer vectors there are no neighbourhoods to preserve.
_LEAST_FOR_UMAP = 3 * NEIGHBOURS
_PLACED_BY = 5
_BLOCK = 4_096


@dataclass(frozen=True, eq=False)
class Projection:
    """A map of the library.

    Attributes:
        method: how it was computed.
        parameters: parameters of the method, enough to reproduce the map.
        points: (n, 2) coordinates; the wider side spans -1..1.
    """

    method: Literal["umap", "pca"]
    parameters: dict[str, Any]
    points: Points


def has_umap() -> bool:
    """Whether the extra `map` is installed. Does not import it."""
    return find_spec("umap") is not None


def project(embeddings: Vectors, *, seed: int = 0) -> Projection:
    """Project unit vectors (n, d) to the plane so that neighbours stay neighbours.

    Uses UMAP (McInnes, Healy and Melville, 2018) with cosine distance if the extra `map` is installed and there are enough
    vectors, otherwise the first two principal components. The same vectors and seed give the same points.
    """
    if has_umap() and len(embeddings) >= _LEAST_FOR_UMAP:
        return _by_umap(embeddings, seed)
    return _by_components(embeddings)


def place(embeddings: Vectors, fitted: Vectors, points: Points, *, neighbours: int = _PLACED_BY) -> Points:
    """Place new unit vectors (m, d) on an existing map of `fitted` (n, d) with `points` (n, 2).

    Each goes to the weighted mean of its most similar vectors' points. A weight is how much more similar that vector is
    than the first one that was left out. Memory grows with m + n, not with m * n.

    Raises:
        ValueError: the map is empty.
    """
    if not len(fitted):
        raise ValueError("the map is empty")
    count = min(neighbours, len(fitted))
    placed = np.empty((len(embeddings), 2), dtype=np.float32)
    for start in range(0, len(embeddings), _BLOCK):
        similarity = embeddings[start : start + _BLOCK] @ fitted.T
        kept = min(count + 1, len(fitted))
        best = np.argpartition(-similarity, kept - 1, axis=1)[:, :kept]
        values = np.take_along_axis(similarity, best, axis=1)
        weights = np.maximum(values - values.min(axis=1, keepdims=True), 0) + 1e-6
        placed[start : start + len(similarity)] = (weights[:, :, None] * points[best]).sum(axis=1) / weights.sum(
            axis=1, keepdims=True
        )
    return placed


def _by_umap(embeddings: Vectors, seed: int) -> Projection:
    with warnings.catch_warnings():
        # UMAP warns that tensorflow is missing, which is not needed here.
        warnings.simplefilter("ignore", ImportWarning)
        from umap import UMAP

    parameters = {"n_neighbors": NEIGHBOURS, "min_dist": _MIN_DISTANCE, "metric": "cosine", "random_state": seed}
    # One thread: with several, the seed would not decide the outcome.
    points = UMAP(**parameters, n_jobs=1).fit_transform(embeddings)
    return Projection("umap", parameters, fill_frame(points))


def _by_components(embeddings: Vectors) -> Projection:
    centred = embeddings - embeddings.mean(axis=0, keepdims=True) if len(embeddings) else embeddings
    # The scatter matrix is (d, d), however many vectors there are.
    _values, axes = np.linalg.eigh((centred.T @ centred).astype(np.float64))
    main = axes[:, ::-1][:, :2]
    # The sign of an axis is arbitrary: fix it so that the largest entry is positive.
    main = main * np.where(main[np.abs(main).argmax(axis=0), range(main.shape[1])] < 0, -1, 1)
    return Projection("pca", {}, fill_frame(centred @ main))


def fill_frame(points: NDArray[Any]) -> Points:
    """Move and scale points (n, 2) so that the wider side spans -1..1. The aspect ratio is kept."""
    if not len(points):
        return np.empty((0, 2), dtype=np.float32)
    low, high = points.min(axis=0), points.max(axis=0)
    extent = float((high - low).max()) / 2
    return np.asarray((points - (low + high) / 2) / (extent or 1.0), dtype=np.float32)
