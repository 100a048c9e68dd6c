# ruff: noqa: INP001 - scripts, not a package
"""Assignment through Postgres: claim, decide, record memberships, centroids and events, commit.

    python -m benchmarks.assign --clusters 10000 100000 --media 4000
    python -m benchmarks.assign --clusters 100000 --in-blocks        # as if the centroids exceeded the memory setting

Centroids are random directions of 512 dimensions, the worst case for a nearest-neighbour search. Four fifths of the pictures join
a group, the others found one. Compared with the decision alone, on the same arrays in memory. Also measures how long a new
assigner takes to load the centroids.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from backend.bootstrap import build_services
from backend.embedded import ensure_servers, stop_servers
from backend.features.steps import Assigner
from backend.rules.grouping import Centroids, assign
from backend.settings import Settings, load_settings
from backend.store.engine import Database
from backend.store.groups import load_centroids, write_centroids
from backend.store.media import NewEmbedding, insert_embeddings
from backend.store.migrate import upgrade
from backend.store.schema import Space
from backend.store.spaces import NewSpace, activate_space, create_space
from benchmarks.frame import Row
from benchmarks.library import media_id

_DIMENSION, _TEXT_DIMENSION = 512, 384
_BLOCK = 2000
_JOINING = 0.8
# Scale of the noise added to a centroid: cosines of about 0.9.
_NOISE = 0.5


@dataclass(frozen=True)
class Line:
    """Results at one size: pictures per second through Postgres and for the decision alone, and seconds to load the centroids."""

    clusters: int
    media: int
    batch: int
    a_second: float
    a_second_in_memory: float
    load_seconds: float


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse(arguments)
    with _library(options.batch, in_blocks=options.in_blocks) as settings:
        lines = [_measure(settings, count, options.media) for count in sorted(options.clusters)]
    if options.json:
        sys.stdout.write(json.dumps([asdict(line) for line in lines], indent=2) + "\n")
        return 0
    sys.stdout.write(
        "| clusters | batch | media a second | decision alone | all in / decision | restart s |\n|---|---|---|---|---|---|\n"
    )
    for line in lines:
        share = line.a_second_in_memory / line.a_second
        sys.stdout.write(
            f"| {line.clusters} | {line.batch} | {line.a_second:.0f} | {line.a_second_in_memory:.0f} | {share:.2f} "
            f"| {line.load_seconds:.2f} |\n"
        )
    return 0


def run(scale: float) -> Iterator[Row]:
    """Rows for `make bench`: through Postgres, compared with the decision alone."""
    with _library(256) as settings:
        line = _measure(settings, int(5_000 * scale), 1_000)
    yield Row(
        f"media assigned to one of {line.clusters:,} clusters, all in",
        line.a_second,
        "a second",
        "more",
        against="the decision alone, in memory",
        theirs=line.a_second_in_memory,
        note="random directions; what Postgres adds",
    )
    yield Row(f"an assigner starts with {line.clusters:,} clusters", line.load_seconds, "s", "less")


@contextmanager
def _library(batch: int, *, in_blocks: bool = False) -> Iterator[Settings]:
    home = Path(tempfile.mkdtemp(prefix="mediacluster-benchmark-"))
    home.chmod(0o755)  # the server may run as another user, who needs access
    try:
        settings = _open(home, batch)
        yield settings.model_copy(update={"assign_memory_bytes": 0}) if in_blocks else settings
    finally:
        stop_servers(home)
        shutil.rmtree(home, ignore_errors=True)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clusters", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--media", type=int, default=2_000)
    parser.add_argument("--batch", type=int, default=Settings.model_fields["assign_batch_size"].default)
    parser.add_argument(
        "--in-blocks", action="store_true", help="keep no centroids: read them in blocks for each batch"
    )
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(arguments)


def _open(home: Path, batch: int) -> Settings:
    servers = ensure_servers(home)
    first = Database(servers.database_url)
    upgrade(first.engine)
    first.dispose()  # this connection is older than the extension
    return load_settings(
        home=home,
        database_url=servers.database_url,
        redis_url=servers.redis_url,
        assign_batch_size=batch,
        assign_wait_seconds=0.0,
    )


def _measure(settings: Settings, clusters: int, media: int) -> Line:
    generator = np.random.default_rng(clusters)
    middles = _unit(generator.standard_normal((clusters, _DIMENSION), dtype=np.float32))
    vectors = middles[generator.integers(clusters, size=media)]
    vectors = _unit(vectors + _NOISE * _unit(generator.standard_normal(vectors.shape, dtype=np.float32)))
    founders = generator.random(media) > _JOINING
    vectors[founders] = _unit(generator.standard_normal((int(founders.sum()), _DIMENSION), dtype=np.float32))
    services = build_services(settings)
    space = _fill(services.database, middles, vectors)
    with services.database.transaction() as session:
        begun = time.perf_counter()
        load_centroids(session, space.id, _DIMENSION)
        load_seconds = time.perf_counter() - begun
    assigner = Assigner(services, space)
    begun = time.perf_counter()
    assigned = assigner.assign_waiting()
    seconds = time.perf_counter() - begun
    in_memory = _decide(middles, vectors, settings.assign_batch_size)
    services.database.dispose()
    return Line(clusters, media, settings.assign_batch_size, assigned / seconds, media / in_memory, load_seconds)


def _decide(middles: NDArray[np.float32], vectors: NDArray[np.float32], batch: int) -> float:
    """Seconds for the decisions alone, in batches, on fixed centroids."""
    centroids = Centroids.from_sums(middles.astype(np.float64), np.ones(len(middles), dtype=np.int64))
    begun = time.perf_counter()
    for start in range(0, len(vectors), batch):
        assign(vectors[start : start + batch], centroids, 0.82)
    return time.perf_counter() - begun


def _fill(database: Database, middles: NDArray[np.float32], vectors: NDArray[np.float32]) -> Space:
    """Create groups without members, since an assigner reads only centroids, and waiting pictures."""
    with database.transaction() as session:
        session.execute(sa.text("TRUNCATE cluster, media, embedding, space CASCADE"))
        space = create_space(
            session, NewSpace("benchmark", None, "i", "", "t", "i", "t", _DIMENSION, _TEXT_DIMENSION, {})
        )
        ids = list(
            session.execute(
                sa.text("INSERT INTO cluster (label) SELECT '' FROM generate_series(1, :count) RETURNING id"),
                {"count": len(middles)},
            ).scalars()
        )
        for start in range(0, len(ids), _BLOCK):
            block = slice(start, start + _BLOCK)
            write_centroids(session, space.id, ids[block], middles[block].astype(np.float64), [1] * len(ids[block]))
        session.execute(
            sa.text(
                "INSERT INTO media (id, sha256, original_key, source, status, upload_seq, embedded_at) "
                "SELECT CAST(lpad(to_hex(n), 32, '0') AS uuid), sha256(CAST(CAST(n AS text) AS bytea)), 'k', 'benchmark', "
                "'embedded', n, now() FROM generate_series(1, :count) n"
            ),
            {"count": len(vectors)},
        )
        for start in range(0, len(vectors), _BLOCK):
            insert_embeddings(
                session,
                space.id,
                [
                    NewEmbedding(media_id(start + row), vector, None, None)
                    for row, vector in enumerate(vectors[start : start + _BLOCK])
                ],
            )
        activate_space(session, space)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE"))
        # Otherwise the server would still be flushing these rows during the measurement.
        connection.execute(sa.text("CHECKPOINT"))
    return space


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    units: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return units


if __name__ == "__main__":
    sys.exit(main())
