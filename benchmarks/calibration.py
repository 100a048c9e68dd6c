# ruff: noqa: INP001 - scripts, not a package
"""Recall@5 of `raw`, `calibrated` and `rrf` for queries in words, over the whole range of alpha, on the demo gallery.

    python -m benchmarks.calibration --media 144 --seed 3

By the product's own fusion and background, with the demo encoders. Two wordings a kind of scene: a sentence, and the bare name. Recall@5 is the
share of the best five (or of all, where a kind has fewer) that are of the kind asked for.
"""

import argparse
import io
import shutil
import sys
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backend.bootstrap import build_services
from backend.db.arrays import fetch_arrays
from backend.db.engine import Database
from backend.db.migrate import upgrade
from backend.db.spaces import find_active_space
from backend.embedded import ensure_servers, stop_servers
from backend.embedded.gallery import KIND_QUERIES, render_gallery
from backend.ingest.text import MediaText
from backend.pipeline.assign import Assigner
from backend.pipeline.embed import embed_batch
from backend.pipeline.intake import accept_picture
from backend.pipeline.space import open_active_space
from backend.search.background_sampling import BackgroundKind, open_backgrounds
from backend.search.fusion import FusionMethod, fuse, rank
from backend.services import Services
from backend.settings import load_settings

ALPHAS = [step / 10 for step in range(11)]
_BEST = 5
_SIZE_PIXELS = 160

Recalls = dict[FusionMethod, NDArray[np.float64]]
"""By method: (kinds, alphas), the mean of both wordings."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse(arguments)
    with _open_gallery(options.media, options.seed) as (services, kinds):
        recalls = measure(services, kinds)
    sys.stdout.write(f"{options.media} media, seed {options.seed}, {2 * len(KIND_QUERIES)} queries\n\n")
    sys.stdout.write(_by_alpha(recalls) + "\n" + _by_kind(recalls))
    return 0


def measure(services: Services, kinds: dict[uuid.UUID, str]) -> Recalls:
    """Ask for every kind of scene in both wordings, by each method at each alpha. kinds: of every media.

    Every media is ranked, as the search does in a library of this size.
    """
    with services.database.transaction() as session:
        space = find_active_space(session)
        assert space is not None
        backgrounds = open_backgrounds(session, space, BackgroundKind.WORDS)
        rows = fetch_arrays(session, "SELECT media_id, image_embedding, text_embedding FROM media_embedding", {})
    library = _Library(np.array([kinds[row[0]] for row in rows]), *(_side([row[n] for row in rows]) for n in (1, 2)))
    recalls = {method: np.zeros((len(KIND_QUERIES), len(ALPHAS))) for method in FusionMethod}
    for place, (kind, query) in enumerate(KIND_QUERIES.items()):
        words = [query, kind.replace("-", " ")]
        image_queries, text_queries = (
            services.encoders.image.embed_words(words),
            services.encoders.text.embed_texts(words),
        )
        for image, text in zip(image_queries, text_queries, strict=True):
            sims = library.images @ image, library.texts @ text
            for method, of in recalls.items():
                fused = [fuse(method, *sims, alpha, backgrounds).combined for alpha in ALPHAS]
                of[place] += [library.recall(combined, sims[0], kind) / len(words) for combined in fused]
    return recalls


@dataclass(frozen=True, eq=False)
class _Library:
    """kinds (n,); images (n, d), texts (n, e): a row of NaN where there are no words."""

    kinds: NDArray[np.str_]
    images: NDArray[np.float32]
    texts: NDArray[np.float32]

    def recall(self, combined: NDArray[np.float64], sim_image: NDArray[np.float32], kind: str) -> float:
        best = rank(combined, -sim_image)[:_BEST]
        are_right = self.kinds == kind
        return float(are_right[best].sum() / min(_BEST, are_right.sum()))


def _side(vectors: list[NDArray[np.float32] | None]) -> NDArray[np.float32]:
    dimension = next(len(vector) for vector in vectors if vector is not None)
    return np.stack([np.full(dimension, np.nan, np.float32) if one is None else one for one in vectors])


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--media", type=int, default=144)
    parser.add_argument("--seed", type=int, default=3, help="of the gallery")
    return parser.parse_args(arguments)


@contextmanager
def _open_gallery(count: int, seed: int) -> Iterator[tuple[Services, dict[uuid.UUID, str]]]:
    home = Path(tempfile.mkdtemp(prefix="mediacluster-calibration-"))
    home.chmod(0o755)
    try:
        url = ensure_servers(home).database_url
        first = Database(url)
        upgrade(first.engine)
        first.dispose()
        settings = load_settings(
            _env_file=None, home=home, database_url=url, redis_url="redis://127.0.0.1:1/0", preset="demo"
        )
        services = build_services(settings)
        yield services, fill(services, count, seed)
        services.database.dispose()
    finally:
        stop_servers(home)
        shutil.rmtree(home, ignore_errors=True)


def fill(services: Services, count: int, seed: int) -> dict[uuid.UUID, str]:
    """Render, take in, embed and assign a gallery. The kind of scene of every media."""
    kinds = {}
    for picture in render_gallery(count, seed=seed, size=_SIZE_PIXELS):
        buffer = io.BytesIO()
        picture.image.save(buffer, "JPEG", quality=90)
        text = MediaText(
            picture.title, picture.caption, picture.keywords, picture.location, picture.story, picture.taken_at
        )
        taken = accept_picture(services, buffer.getvalue(), text, source="benchmark", ring=False)
        kinds[taken.media_id] = picture.kind
    space = open_active_space(services)
    while embed_batch(services, space):
        pass
    Assigner(services, space).assign_waiting()
    return kinds


def _by_alpha(recalls: Recalls) -> str:
    rows = [["alpha", *recalls], ["---"] * (1 + len(recalls))]
    rows += [
        [f"{alpha:g}", *(f"{of[:, place].mean():.3f}" for of in recalls.values())] for place, alpha in enumerate(ALPHAS)
    ]
    rows.append(["mean", *(f"{of.mean():.3f}" for of in recalls.values())])
    rows.append(["least", *(f"{of.mean(axis=0).min():.3f}" for of in recalls.values())])
    return _table(rows)


def _by_kind(recalls: Recalls) -> str:
    """The mean over all alphas of each kind, where raw and calibrated differ."""
    rows = [["kind", *recalls], ["---"] * (1 + len(recalls))]
    for place, kind in enumerate(KIND_QUERIES):
        means = [of[place].mean() for of in recalls.values()]
        if recalls[FusionMethod.RAW][place].mean() != recalls[FusionMethod.CALIBRATED][place].mean():
            rows.append([kind, *(f"{mean:.3f}" for mean in means)])
    return _table(rows)


def _table(rows: list[list[str]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


if __name__ == "__main__":
    sys.exit(main())
