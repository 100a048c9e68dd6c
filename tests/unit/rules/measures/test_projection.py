"""Embeddings in the plane: neighbours stay together, and the same goes in the same place."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from backend.rules.measures import fill_frame, place, project, projection


def mixture(
    count: int, seed: int = 0, centres: int = 6, dimension: int = 32
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    generator = np.random.default_rng(seed)
    middles = np.random.default_rng(99).normal(size=(centres, dimension))
    which = generator.integers(centres, size=count)
    points = middles[which] + 0.35 * generator.normal(size=(count, dimension))
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32), which


def test_project__components_are_those_of_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "has_umap", lambda: False)
    embeddings, _which = mixture(120)
    found = project(embeddings)
    assert found.method == "pca"
    expected = fill_frame(PCA(2).fit_transform(embeddings))
    for column in range(2):
        signs = np.sign(expected[:, column] @ found.points[:, column])
        assert found.points[:, column] * signs == pytest.approx(expected[:, column], abs=1e-3)


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_project__few(count: int) -> None:
    embeddings, _which = mixture(count)
    found = project(embeddings)
    assert found.method == "pca"
    assert found.points.shape == (count, 2)
    assert np.isfinite(found.points).all()


def test_project__all_the_same() -> None:
    assert np.abs(project(np.tile(mixture(1)[0], (9, 1))).points).max() < 1e-3


def test_place__among_the_most_similar(monkeypatch: pytest.MonkeyPatch) -> None:
    # Several blocks, so that their seams are tried.
    monkeypatch.setattr(projection, "_BLOCK", 16)
    embeddings, which = mixture(200)
    corners = np.array([[np.cos(angle), np.sin(angle)] for angle in range(6)], dtype=np.float32)
    fresh, fresh_which = mixture(70, seed=5)
    placed = place(fresh, embeddings, corners[which])
    assert placed == pytest.approx(corners[fresh_which], abs=1e-4)
    # As reckoned one by one.
    points = np.random.default_rng(1).normal(size=(200, 2)).astype(np.float32)
    for vector, found in zip(fresh[:5], place(fresh[:5], embeddings, points), strict=True):
        similarity = embeddings @ vector
        best = np.argsort(-similarity)[:6]
        weights = similarity[best] - similarity[best[-1]] + 1e-6
        assert found == pytest.approx(weights @ points[best] / weights.sum(), abs=1e-4)


def test_place__on_an_empty_map() -> None:
    with pytest.raises(ValueError, match="empty"):
        place(mixture(1)[0], np.empty((0, 32), np.float32), np.empty((0, 2), np.float32))
