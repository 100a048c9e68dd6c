"""Figures of a model directory on galleries that it was never trained on."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score

from backend.demo.gallery.kinds import KINDS
from backend.demo.gallery.picture import GALLERY, Scene, generator, kinds_of_gallery, render_scene
from backend.demo.gallery.vocabulary import QUERIES, VOCABULARY
from backend.demo.training.texts import OTHER_QUERIES

FloatArray = NDArray[np.float32]


class Encoder:
    """A model directory as open_clip loads it. Embeddings are unit vectors, float32 (n, dimensions)."""

    def __init__(self, folder: Path) -> None:
        """Load the directory. Raises FileNotFoundError or ValueError if it is not one."""
        model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder}")
        self.model: Any = model.eval()
        self.preprocess: Any = preprocess
        self.tokenizer: Any = open_clip.get_tokenizer(f"local-dir:{folder}")

    def images(self, scenes: list[Scene]) -> FloatArray:
        """Embed pictures."""
        with torch.inference_mode():
            parts = [
                self.model.encode_image(
                    torch.stack([self.preprocess(s.image) for s in scenes[i : i + 64]]), normalize=True
                )
                for i in range(0, len(scenes), 64)
            ]
        found: FloatArray = torch.cat(parts).numpy()
        return found

    def texts(self, texts: list[str]) -> FloatArray:
        """Embed texts."""
        with torch.inference_mode():
            found: FloatArray = self.model.encode_text(self.tokenizer(texts), normalize=True).numpy()
        return found


def group_online(vectors: FloatArray, threshold: float) -> list[int]:
    """Return the group of each vector under the product's rule, taken in order: nearest centroid, or a new group."""
    sums: list[FloatArray] = []
    centroids = np.zeros((0, vectors.shape[1]), np.float32)
    groups: list[int] = []
    for vector in vectors:
        similarity = centroids @ vector if sums else np.zeros(0, np.float32)
        best = int(similarity.argmax()) if sums else -1
        if best >= 0 and similarity[best] >= threshold:
            sums[best] = sums[best] + vector
            centroids[best] = sums[best] / np.linalg.norm(sums[best])
        else:
            best = len(sums)
            sums.append(vector.copy())
            centroids = np.vstack([centroids, vector[None]])
        groups.append(best)
    return groups


def measure(encoder: Encoder, seed: int, count: int = 300, size: int = 640) -> dict[str, Any]:
    """Return the figures on gallery `seed`."""
    kinds = kinds_of_gallery(count, seed)
    scenes = [render_scene(kind, generator(GALLERY, seed, i), size) for i, kind in enumerate(kinds)]
    vectors = encoder.images(scenes)
    label = np.array([list(KINDS).index(k) for k in kinds])
    result: dict[str, Any] = {"seed": seed, "pictures": count, "kinds": len(set(kinds))}
    for name, queries in (("query", QUERIES), ("other_query", OTHER_QUERIES)):
        result |= _retrieval(name, encoder.texts([queries[k] for k in KINDS]) @ vectors.T, label)
    result["attribute_query"] = _attributes(encoder, scenes, vectors)
    result["online_grouping"] = _grouping(vectors, label)
    result["cosine"] = _spread(vectors, label)
    return result


def _retrieval(name: str, similarity: FloatArray, label: NDArray[np.int64]) -> dict[str, Any]:
    order = np.argsort(-similarity, axis=1)
    first = label[order[:, 0]] == np.arange(len(similarity))
    sizes = np.array([min(5, int((label == k).sum())) for k in range(len(similarity))])
    precise = [(label[order[k, :5]] == k).sum() / sizes[k] for k in range(len(similarity))]
    return {
        f"{name}_recall_at_1": round(float(first.mean()), 4),
        f"{name}_precision_at_5": round(float(np.mean(precise)), 4),
        f"{name}_missed": [list(KINDS)[k] for k in np.flatnonzero(~first)],
    }


def _attributes(encoder: Encoder, scenes: list[Scene], vectors: FloatArray) -> dict[str, float]:
    """Query every (kind, colour) of the gallery in words; count how often the nearest has that kind, and both."""
    pairs: dict[tuple[str, str], int] = defaultdict(int)
    for scene in scenes:
        if "{colour}" in VOCABULARY[scene.kind].things:
            pairs[scene.kind, scene.look.colour] += 1
    words = [
        f"{colour} {VOCABULARY[kind].plain.split('|')[0].removeprefix('a ').removeprefix('an ')}"
        for kind, colour in pairs
    ]
    order = np.argsort(-(encoder.texts(words) @ vectors.T), axis=1)
    kind_hit = [scenes[order[i, 0]].kind == kind for i, (kind, _) in enumerate(pairs)]
    both_hit = [
        scenes[order[i, 0]].kind == kind and scenes[order[i, 0]].look.colour == colour
        for i, (kind, colour) in enumerate(pairs)
    ]
    return {
        "pairs": len(pairs),
        "kind_at_1": round(float(np.mean(kind_hit)), 4),
        "kind_and_colour_at_1": round(float(np.mean(both_hit)), 4),
    }


def _grouping(vectors: FloatArray, label: NDArray[np.int64]) -> dict[str, Any]:
    scores: dict[str, Any] = {}
    for threshold in (0.7, 0.76, 0.82, 0.86):
        found = []
        groups = []
        for order in range(5):
            turn = np.random.default_rng([order, 99]).permutation(len(vectors))
            grouped = group_online(vectors[turn], threshold)
            found.append(round(float(adjusted_rand_score(label[turn], grouped)), 4))
            groups.append(max(grouped) + 1)
        scores[f"{threshold:.2f}"] = {"adjusted_rand_index": found, "groups": groups}
    return scores


def _spread(vectors: FloatArray, label: NDArray[np.int64]) -> dict[str, Any]:
    cosine = vectors @ vectors.T
    pair = np.triu(np.ones(cosine.shape, bool), 1)
    same = label[:, None] == label[None]

    def of(mask: NDArray[np.bool_]) -> list[float]:
        return [round(float(v), 3) for v in np.percentile(cosine[mask & pair], (0, 1, 5, 50, 95, 99, 100))]

    return {"percentiles": [0, 1, 5, 50, 95, 99, 100], "same_kind": of(same), "different_kind": of(~same)}
