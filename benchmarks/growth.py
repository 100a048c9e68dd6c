# ruff: noqa: INP001 - scripts, not a package
"""Cost by size of the library: import, assignment, search and pages, fitted as a power of n.

    python -m benchmarks.growth
    python -m benchmarks.growth --counts 1000 10000 100000 1000000 --indexes-up-to 10000

Each size is a library of its own on a server of its own, in groups of ten. Measures the cost of one more picture, one query or one
page at that size.
"""

import argparse
import json
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import sqlalchemy as sa

from backend.features.search import nominate
from backend.features.services import Services
from backend.features.steps import Assigner
from backend.rules.search import Filters
from backend.store.schema import Space
from backend.store.search import ScanKeeper, search_media
from backend.store.spaces import get_active_space
from benchmarks.frame import Row
from benchmarks.pages import MEMBERS, make_page_vectors, measure, open_pages
from benchmarks.transfer import build, copy_all, make_media, timed
from benchmarks.vectors import Matrix, Vectors

_COUNTS = (1_000, 4_000, 16_000)
_FEW, _MORE = 16, 1_000
_QUERIES, _ALPHA, _K = 40, 0.6, 10
_PAGE_ROUNDS = 20
# Share of new pictures that resemble an existing one, and the scale of the difference.
_LIKE_ONE, _NOISE = 0.8, 0.3
_PAGES = {
    "wall_ms": "wall, largest first",
    "group_ms": f"group of {MEMBERS}",
    "picture_ms": "picture",
    "similar_ms": "picture, similar ones at every alpha",
}


@dataclass(frozen=True)
class Cost:
    """Milliseconds in a library of `media` pictures in `groups`, NaN if not measured. `recall` is that of `search_ms`."""

    media: int
    groups: int
    copy_ms: float
    index_ms: float
    assign_ms: float
    load_ms: float
    search_ms: float
    recall: float
    index_search_ms: float
    wall_ms: float
    group_ms: float
    picture_ms: float
    similar_ms: float


_MEASURED = {
    "copy_ms": "copying one more media in, no vector indexes",
    "index_ms": "building the vector indexes, a media",
    "assign_ms": "assigning one more media, through Postgres",
    "load_ms": "loading the vectors of a server, a media",
    "search_ms": "one fused query, vectors in memory, p50",
    "index_search_ms": "one fused query, search_media by the indexes, p50",
    "wall_ms": "page: wall",
    "group_ms": f"page: group of {MEMBERS}",
    "picture_ms": "page: picture",
    "similar_ms": "page: similar pictures at every alpha",
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", type=int, nargs="+", default=_COUNTS, help="media of each library, 1,000 and more")
    parser.add_argument("--indexes-up-to", type=int, default=max(_COUNTS), help="build vector indexes up to so many")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    costs = [_measure(count, with_indexes=count <= options.indexes_up_to) for count in options.counts]
    if options.json:
        sys.stdout.write(json.dumps([asdict(cost) for cost in costs], indent=2) + "\n")
        return 0
    sys.stdout.write(f"| ms | {' | '.join(f'{cost.media:,}' for cost in costs)} | fitted |\n")
    sys.stdout.write(f"|---|{'---|' * len(costs)}---|\n")
    for field, what in _MEASURED.items():
        values = " | ".join(_show(getattr(cost, field)) for cost in costs)
        sys.stdout.write(f"| {what} | {values} | {_fit(costs, field)} |\n")
    sys.stdout.write(f"| recall@10 of the vectors in memory | {' | '.join(f'{one.recall:.3f}' for one in costs)} | |\n")
    return 0


def run(scale: float) -> Iterator[Row]:
    """Rows for `make bench`: three sizes, and the fitted powers."""
    costs = [_measure(int(count * scale), with_indexes=True) for count in _COUNTS]
    for field, what in _MEASURED.items():
        note = ", ".join(f"{cost.media:,}: {_show(getattr(cost, field))} ms" for cost in costs)
        recall = {"quality": "recall@10", "our_quality": costs[-1].recall} if field == "search_ms" else {}
        yield Row(
            what,
            getattr(costs[-1], field),
            "ms",
            "less",
            note=f"{_fit(costs, field)}; {note}; generated vectors",
            **recall,  # type: ignore[arg-type]
        )


def _measure(count: int, *, with_indexes: bool) -> Cost:
    groups = count // MEMBERS
    with open_pages(groups) as services:
        pages = {line.what: line.p50_ms for line in measure(services, _PAGE_ROUNDS)}
        load = timed(ScanKeeper(services.database, most_bytes=services.settings.search_memory_bytes).refresh)
        vectors = make_page_vectors(groups)
        queries = _near(vectors, _QUERIES)
        search, recall = _search(services, vectors, queries)
        copied, assigned = _add(services, vectors)
        indexed = index_search = float("nan")
        if with_indexes:
            indexed = timed(lambda: build(services.database, _space(services))) * 1000 / count
            index_search = _median(lambda query: _search_by_indexes(services, queries, query))
    cost = Cost(
        media=count,
        groups=groups,
        copy_ms=copied,
        index_ms=indexed,
        assign_ms=assigned,
        load_ms=load * 1000 / count,
        search_ms=search,
        recall=recall,
        index_search_ms=index_search,
        **{field: pages[what] for field, what in _PAGES.items()},
    )
    sys.stderr.write(f"{asdict(cost)}\n")
    return cost


def _add(services: Services, vectors: Vectors) -> tuple[float, float]:
    """Milliseconds per picture to copy more pictures, and to assign them."""
    space = _space(services)
    assigner = Assigner(services, space)
    few, more = _near(vectors, _FEW), _near(vectors, _MORE)
    # Loading the centroids is a cost of starting an assigner, not of a picture.
    copy_all(services.database, space, few, make_media(_FEW))
    assigner.assign_waiting()
    copied = timed(lambda: copy_all(services.database, space, more, make_media(_MORE)))
    assigned = timed(assigner.assign_waiting)
    return copied * 1000 / _MORE, assigned * 1000 / _MORE


def _search(services: Services, vectors: Vectors, queries: Vectors) -> tuple[float, float]:
    """Median milliseconds for the candidates of a query, and the share of the true ten among them."""
    found: dict[int, list[uuid.UUID]] = {}

    def ask(query: int) -> None:
        with services.database.transaction() as session:
            candidates = nominate(
                session,
                queries.images[query],
                queries.texts[query],
                k=_K,
                alpha=_ALPHA,
                filters=Filters(),
                scans=services.vectors,
            )
        found[query] = candidates.media_ids[:_K]

    milliseconds = _median(ask)
    shares = []
    for query, media_ids in found.items():
        combined = _ALPHA * (vectors.images @ queries.images[query]) + (1 - _ALPHA) * (
            vectors.texts @ queries.texts[query]
        )
        best = set(np.argpartition(-combined, _K)[:_K].tolist())
        shares.append(len(best & _rows(services, media_ids)) / _K)
    return milliseconds, float(np.mean(shares))


def _search_by_indexes(services: Services, queries: Vectors, query: int) -> None:
    with services.database.transaction() as session:
        search_media(session, queries.images[query], queries.texts[query], _K, _ALPHA)


def _median(ask: Callable[[int], None]) -> float:
    times = []
    for query in range(_QUERIES):
        begun = time.perf_counter()
        ask(query)
        times.append((time.perf_counter() - begun) * 1000)
    return float(np.median(times))


def _rows(services: Services, media_ids: Sequence[uuid.UUID]) -> set[int]:
    """Rows of the vectors, by title of the picture."""
    with services.database.transaction() as session:
        names = session.execute(
            sa.text("SELECT source_uri FROM media WHERE id = ANY(:ids)"), {"ids": list(media_ids)}
        ).scalars()
        return {int(name.rpartition("/")[2].partition(".")[0]) for name in names}


def _near(vectors: Vectors, count: int) -> Vectors:
    """More vectors: most resemble an existing one, the others none."""
    generator = np.random.default_rng(count)
    models = generator.integers(len(vectors.images), size=count)
    is_new = generator.random(count) > _LIKE_ONE

    def near(rows: Matrix) -> Matrix:
        noise = generator.standard_normal((count, rows.shape[1]), dtype=np.float32)
        noise /= np.linalg.norm(noise, axis=1, keepdims=True)
        made: Matrix = np.where(is_new[:, None], noise, rows[models] + _NOISE * noise).astype(np.float32)
        made /= np.linalg.norm(made, axis=1, keepdims=True)
        return made

    images, texts = near(vectors.images), near(vectors.texts)
    return Vectors(images, texts, images[:1], texts[:1])


def _space(services: Services) -> Space:
    with services.database.transaction() as session:
        return get_active_space(session)


def _show(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.3g}"


def _fit(costs: Sequence[Cost], field: str) -> str:
    """Fit a power of n, by least squares of the logarithms."""
    points = [(cost.media, value) for cost in costs if not np.isnan(value := getattr(cost, field))]
    if len(points) < 2:  # no line
        return ""
    media, values = np.log(np.array(points, dtype=np.float64)).T
    return f"n^{np.polyfit(media, values, 1)[0]:.2f}"


if __name__ == "__main__":
    sys.exit(main())
