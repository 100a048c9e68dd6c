# ruff: noqa: INP001 - scripts, not a package
"""Recall@5 of `raw`, `calibrated` and `rrf` for text queries, at every alpha, on demo galleries.

    python -m benchmarks.calibration                                   # about two minutes
    python -m benchmarks.calibration --media 144 300 --seeds 0 1 2 3 --cache /tmp/galleries

Uses the product's own fusion and backgrounds, with the demo encoders, on three libraries per gallery: as it is (one picture in
twenty has no text), with text for half of the pictures, and with the scales of large models. Recall@5 is the share of the best
five (or of all, if a kind has fewer) that are of the requested kind. *plain*: the sentence and the name of each kind;
*reworded*: three wordings per kind, written before any measurement.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backend.demo.gallery import KIND_QUERIES
from backend.encoders import Encoders
from backend.features.search import BackgroundKind, learn_backgrounds
from backend.rules.grouping import group_in_order
from backend.rules.search import Backgrounds, FusionMethod, fuse, rank, weighted_sum
from backend.store.search import SampledMedia
from benchmarks.frame import Row
from benchmarks.gallery_vectors import Gallery, Matrix, load_demo_encoders, open_gallery, words_in_cone
from benchmarks.wordings import REWORDED

ALPHAS = [step / 10 for step in range(11)]
LIBRARIES = ("as it is", "half without words", "scales of large models")
WORDINGS = ("plain", "reworded")
_BEST = 5
_THRESHOLD = 0.82
_DEFAULT_ALPHA = 0.6
_RESAMPLES = 4_000

Recalls = NDArray[np.float64]
"""(methods, queries, alphas), NaN if a gallery has no pictures of the kind."""


@dataclass(frozen=True, eq=False)
class Queries:
    """Queries: kinds and wordings (q,), image vectors (q, d) and text vectors (q, e)."""

    kinds: NDArray[np.str_]
    wordings: NDArray[np.str_]
    images: Matrix
    texts: Matrix


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse(arguments)
    encoders = load_demo_encoders()
    queries = embed_queries(encoders)
    galleries = [open_gallery(encoders, n, seed, options.cache) for n in options.media for seed in options.seeds]
    recalls = {name: np.stack([measure(name, one, queries) for one in galleries]) for name in LIBRARIES}
    if options.json:
        sys.stdout.write(json.dumps(list(_as_rows(recalls, queries)), indent=2) + "\n")
        return 0
    sys.stdout.write(
        f"{len(galleries)} galleries of {options.media} media, seeds {options.seeds}; {len(queries.kinds)} queries each\n"
    )
    for name, of_library in recalls.items():
        for wording in WORDINGS:
            asked = queries.wordings == wording
            sys.stdout.write(f"\n{name}, {wording}\n\n" + _by_alpha(of_library[:, :, asked], queries.kinds[asked]))
    sys.stdout.write(f"\nBy kind, at alpha {_DEFAULT_ALPHA:g}\n\n" + _by_kind(recalls, queries))
    return 0


def run(scale: float) -> Iterator[Row]:
    """Rows for `make bench`: calibrated fusion compared with raw sums and ranks, at the default alpha, in each library."""
    encoders = load_demo_encoders()
    queries = embed_queries(encoders)
    gallery = open_gallery(encoders, int(144 * scale), 0, None)
    at_default = ALPHAS.index(_DEFAULT_ALPHA)
    for name in LIBRARIES:
        recalls = np.nanmean(measure(name, gallery, queries)[:, :, at_default], axis=1)
        found = dict(zip(FusionMethod, recalls.tolist(), strict=True))
        ours = found.pop(FusionMethod.CALIBRATED)
        for method, theirs in found.items():
            yield Row(
                f"words, {name}: recall@5",
                ours,
                "",
                "more",
                against=method,
                theirs=theirs,
                note=f"demo encoders, {len(gallery.kinds)} pictures",
            )


def embed_queries(encoders: Encoders) -> Queries:
    asked = [
        (kind, "plain", words) for kind, query in KIND_QUERIES.items() for words in (query, kind.replace("-", " "))
    ]
    asked += [(kind, "reworded", words) for kind, wordings in REWORDED.items() for words in wordings]
    kinds, wordings, words = zip(*asked, strict=True)
    return Queries(
        np.array(kinds),
        np.array(wordings),
        encoders.image.embed_words(list(words)),
        encoders.text.embed_texts(list(words)),
    )


def measure(library: str, gallery: Gallery, queries: Queries) -> Recalls:
    """Run all queries with each method at each alpha. Ranks all pictures, like the search in a library of this size."""
    gallery, queries = _as_library(library, gallery, queries)
    backgrounds = _learn(gallery)
    recalls = np.full((len(FusionMethod), len(queries.kinds), len(ALPHAS)), np.nan)
    for place, (kind, image, text) in enumerate(zip(queries.kinds, queries.images, queries.texts, strict=True)):
        are_right = gallery.kinds == kind
        if not are_right.any():
            continue
        sims = gallery.images @ image, gallery.texts @ text
        about = backgrounds.about(image, text)
        for method_place, method in enumerate(FusionMethod):
            legs = fuse(method, *sims, _DEFAULT_ALPHA, about)
            for alpha_place, alpha in enumerate(ALPHAS):
                best = rank(weighted_sum(legs.image, legs.text, alpha), -sims[0])[:_BEST]
                recalls[method_place, place, alpha_place] = are_right[best].sum() / min(_BEST, are_right.sum())
    return recalls


def _as_library(name: str, gallery: Gallery, queries: Queries) -> tuple[Gallery, Queries]:
    if name == "half without words":
        return gallery.without_words(0.5), queries
    if name == "scales of large models":
        return gallery.with_modality_gap(), replace(queries, images=words_in_cone(queries.images))
    return gallery, queries


def _learn(gallery: Gallery) -> Backgrounds:
    """Learn backgrounds like the search, from groups like the assigner's."""
    clusters = group_in_order(gallery.images, _THRESHOLD)
    sides = zip(clusters, gallery.images, gallery.texts, gallery.captions, strict=True)
    media = [
        SampledMedia(i, int(c), image, _spoken(text), _spoken(caption))  # type: ignore[arg-type]
        for i, (c, image, text, caption) in enumerate(sides)
    ]
    backgrounds = learn_backgrounds(media, BackgroundKind.WORDS, np.random.default_rng(0))
    assert backgrounds is not None
    return backgrounds


def _spoken(vector: Matrix) -> Matrix | None:
    return None if np.isnan(vector[0]) else vector


def gain(recalls: Recalls, kinds: NDArray[np.str_]) -> tuple[float, float, float]:
    """Mean of calibrated minus raw and its 95 % interval, by resampling kinds of scenes. recalls: (..., methods, queries)."""
    methods = list(FusionMethod)
    difference = (
        recalls[..., methods.index(FusionMethod.CALIBRATED), :] - recalls[..., methods.index(FusionMethod.RAW), :]
    )
    of_kind = np.array([np.nanmean(difference[..., kinds == kind]) for kind in np.unique(kinds)])
    drawn = np.random.default_rng(0).integers(len(of_kind), size=(_RESAMPLES, len(of_kind)))
    low, high = np.quantile(of_kind[drawn].mean(axis=1), [0.025, 0.975])
    return float(of_kind.mean()), float(low), float(high)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--media", type=int, nargs="*", default=[144])
    parser.add_argument("--seeds", type=int, nargs="*", default=[3, 4], help="of the galleries")
    parser.add_argument("--cache", type=Path, help="a folder for the vectors of galleries, for the next run")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(arguments)


def _by_alpha(recalls: Recalls, kinds: NDArray[np.str_]) -> str:
    rows = [["alpha", *FusionMethod, "calibrated - raw, 95 % interval"], ["---"] * (2 + len(FusionMethod))]
    for place, alpha in enumerate(ALPHAS):
        rows.append([f"{alpha:g}", *_cells(recalls[..., place], kinds)])
    inner = recalls[..., 1:-1]
    rows.append(["0.1 to 0.9", *_cells(np.nanmean(inner, axis=-1), kinds)])
    best = np.nanmean(inner, axis=(0, 2)).max(axis=-1)
    rows.append(["best", *(f"{value:.3f}" for value in best), ""])
    return _table(rows)


def _cells(recalls: Recalls, kinds: NDArray[np.str_]) -> list[str]:
    mean, low, high = gain(recalls, kinds)
    return [*(f"{value:.3f}" for value in np.nanmean(recalls, axis=(0, 2))), f"{mean:+.3f} ({low:+.3f} to {high:+.3f})"]


def _by_kind(recalls: dict[str, Recalls], queries: Queries) -> str:
    """Raw and calibrated recall of each kind for which they differ."""
    columns = [(name, wording) for name in recalls for wording in WORDINGS]
    rows = [["kind", *(f"{name}, {wording}" for name, wording in columns)], ["---"] * (1 + len(columns))]
    place = ALPHAS.index(_DEFAULT_ALPHA)
    for kind in KIND_QUERIES:
        cells = []
        for name, wording in columns:
            asked = (queries.kinds == kind) & (queries.wordings == wording)
            raw, calibrated, _ = np.nanmean(recalls[name][:, :, asked, place], axis=(0, 2))
            cells.append(f"{raw:.2f}, {calibrated:.2f}")
        if any(len(set(cell.split(", "))) > 1 for cell in cells):
            rows.append([kind, *cells])
    return _table(rows)


def _as_rows(recalls: dict[str, Recalls], queries: Queries) -> Iterator[dict[str, object]]:
    for name, of_library in recalls.items():
        for wording in WORDINGS:
            asked = queries.wordings == wording
            for place, alpha in enumerate(ALPHAS):
                means = np.nanmean(of_library[:, :, asked, place], axis=(0, 2))
                interval = gain(of_library[:, :, asked, place], queries.kinds[asked])
                yield {"library": name, "wording": wording, "alpha": alpha, "gain": interval} | dict(
                    zip(FusionMethod, map(float, means), strict=True)
                )


def _table(rows: list[list[str]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


if __name__ == "__main__":
    sys.exit(main())
