"""UMAP as it is installed: numba compiles it for many seconds on first use, which the unit tests have no time for."""

import numpy as np
import pytest

from backend.rules.measures import has_umap, project


def test_project__by_umap_neighbours_stay_together() -> None:
    assert has_umap(), "the extra `map` belongs to the development group"
    generator = np.random.default_rng(0)
    which = generator.integers(6, size=240)
    points = generator.normal(size=(6, 32))[which] + 0.35 * generator.normal(size=(240, 32))
    embeddings = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)

    found = project(embeddings, seed=3)

    assert found.method == "umap"
    assert found.parameters["random_state"] == 3
    assert found.points.shape == (240, 2)
    assert found.points.dtype == np.float32
    assert np.abs(found.points).max() == pytest.approx(1)
    away = np.linalg.norm(found.points[:, None] - found.points[None], axis=2)
    np.fill_diagonal(away, np.inf)
    assert np.mean(which == which[away.argmin(axis=1)]) > 0.98
    assert np.array_equal(project(embeddings, seed=3).points, found.points)
