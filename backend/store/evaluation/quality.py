"""Queries of the quality page: samples, stored reports, and locks of measurements."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.store.arrays import UuidArray, fetch_arrays
from backend.store.engine import Database
from backend.store.schema import QualityReport
from backend.store.statements import Statements

# One lock per kind. The second half of the key is the space.
_MEASURE_LOCKS = {"figures": 0x6D63_0020, "map": 0x6D63_0021, "evaluation": 0x6D63_0022}
# Smaller tables are read whole, because TABLESAMPLE would leave too few rows.
_SMALL_LIBRARY = 20_000
_POINT = np.dtype([("id", "V16"), ("x", "<f4"), ("y", "<f4")])
_SQL = Statements(__file__)


@dataclass(frozen=True)
class SizeClass:
    """Number of groups with at least `least` members and fewer than the next class, and of pictures in them."""

    least: int
    clusters: int
    media: int


@dataclass(frozen=True)
class Standing:
    """Reports of the active space, without the points of maps.

    Attributes:
        space_id: the active space.
        centroid_version: version of its centroids.
        media_count: number of grouped pictures.
        reports: reports by kind.
        running: kinds of measurements that any process is running.
    """

    space_id: int
    centroid_version: int
    media_count: int
    reports: dict[str, QualityReport]
    running: frozenset[str]


def find_standing(session: Session) -> Standing | None:
    """The reports, None if there is no space. Two statements."""
    row = session.execute(text(_SQL("find_standing"))).one_or_none()
    if row is None:
        return None
    columns = [column for column in QualityReport.__table__.columns if column.name != "points"]
    rows = session.execute(select(*columns).where(QualityReport.space_id == row.id))
    reports = {found.kind: QualityReport(**found._asdict()) for found in rows}
    running = frozenset(kind for kind, key in _MEASURE_LOCKS.items() if key in row.locks)
    return Standing(row.id, row.centroid_version, int(row.media_count), reports, running)


@contextmanager
def measuring(database: Database, space_id: int, kind: str) -> Iterator[bool]:
    """Take the lock for measuring this kind. Yields False if another process holds it. No transaction is held."""
    key = {"key": _MEASURE_LOCKS[kind], "space": space_id}
    with database.direct.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        won = bool(connection.execute(text("SELECT pg_try_advisory_lock(:key, :space)"), key).scalar_one())
        try:
            yield won
        finally:
            if won:
                connection.execute(text("SELECT pg_advisory_unlock(:key, :space)"), key)


def record_report(
    session: Session, standing: Standing, kind: str, content: dict[str, Any], points: bytes | None = None
) -> None:
    """Store a report, replacing the previous one."""
    values = {
        "content": content,
        "points": points,
        "media_count": standing.media_count,
        "centroid_version": standing.centroid_version,
        "failure": None,
    }
    statement = insert(QualityReport).values(space_id=standing.space_id, kind=kind, **values)
    session.execute(
        statement.on_conflict_do_update(index_elements=["space_id", "kind"], set_={**values, "measured_at": func.now()})
    )


def record_failure(session: Session, space_id: int, kind: str, failure: str) -> None:
    """Keep the previous report, with the reason why it is not newer."""
    statement = insert(QualityReport).values(
        space_id=space_id, kind=kind, content={}, media_count=0, centroid_version=-1, failure=failure
    )
    session.execute(statement.on_conflict_do_update(index_elements=["space_id", "kind"], set_={"failure": failure}))


def sample_same_pairs(session: Session, space_id: int, media_count: int, pairs: int) -> NDArray[np.float64]:
    """Cosines (n,) of about `pairs` pairs: a random picture, and a random other member of its group.

    All pictures in groups of two or more have the same weight, whatever the size of their group.
    """
    rows = session.execute(text(_SQL("sample_same_pairs")), _drawing(space_id, media_count, pairs))
    return np.array(rows.scalars().all(), dtype=np.float64)


def sample_background_pairs(session: Session, space_id: int, media_count: int, pairs: int) -> NDArray[np.float64]:
    """Cosines (n,) of up to `pairs` random pairs of pictures in different groups."""
    rows = session.execute(text(_SQL("sample_background_pairs")), _drawing(space_id, media_count, pairs))
    return np.array(rows.scalars().all(), dtype=np.float64)


def sample_cohesion(session: Session, space_id: int, most: int) -> NDArray[np.float64]:
    """Cohesion (n,) of up to `most` groups of two or more: the mean similarity of members to their centroid."""
    rows = session.execute(
        text(
            "SELECT vector_norm(embedding_sum::vector) / member_count FROM centroid "
            "WHERE space_id = :space AND member_count > 1 ORDER BY hashint8(cluster_id) LIMIT :most"
        ),
        {"space": space_id, "most": most},
    )
    return np.array(rows.scalars().all(), dtype=np.float64)


def count_sizes(session: Session, space_id: int, bounds: Sequence[int]) -> list[SizeClass]:
    """Number of groups and pictures by size of the group. `bounds` are the lower bounds of the classes, ascending from 1."""
    rows = session.execute(text(_SQL("count_sizes")), {"space": space_id, "bounds": list(bounds)})
    found = {row.size_class: row for row in rows}
    return [
        SizeClass(least, found[place].clusters, int(found[place].media)) if place in found else SizeClass(least, 0, 0)
        for place, least in enumerate(bounds, 1)
    ]


def list_mapped(session: Session, space_id: int, most: int) -> list[uuid.UUID]:
    """Up to `most` grouped pictures, a fixed sample: in the order of a hash of their ids."""
    rows = session.execute(
        text(
            "SELECT media_id FROM membership WHERE space_id = :space "
            "ORDER BY uuid_hash_extended(media_id, 0), media_id LIMIT :most"
        ),
        {"space": space_id, "most": most},
    )
    return list(rows.scalars())


def pack_points(media_ids: Sequence[uuid.UUID], points: NDArray[np.float32]) -> bytes:
    """Pack ids and points (n, 2) for `quality_report.points`."""
    packed = np.empty(len(media_ids), dtype=_POINT)
    packed["id"] = np.frombuffer(b"".join(one.bytes for one in media_ids), dtype="V16")
    packed["x"], packed["y"] = points[:, 0], points[:, 1]
    return packed.tobytes()


@dataclass(frozen=True, eq=False)
class MapPoints:
    """The pictures of a map that still exist.

    Attributes:
        points: (n, 2) coordinates.
        map_indexes: (n,) index on the map as it was drawn.
        groups: (n,) current group, as an index of `cluster_ids`.
        cluster_ids: ids of the groups.
        labels: labels of the groups.
        sizes: sizes of the groups.
    """

    points: NDArray[np.float32]
    map_indexes: NDArray[np.uint32]
    groups: NDArray[np.uint32]
    cluster_ids: list[int]
    labels: list[str]
    sizes: list[int]


def find_map_points(session: Session, space_id: int) -> MapPoints | None:
    """The map with the current groups, None if none was drawn. Three statements, whatever the number of points."""
    packed = session.execute(
        select(QualityReport.points).where(QualityReport.space_id == space_id, QualityReport.kind == "map")
    ).scalar_one_or_none()
    if packed is None:
        return None
    stored = np.frombuffer(packed, dtype=_POINT)
    # Ids are sent back as they were read, so that Postgres need not cut them out of the points. A generic plan would assume ten ids and
    # look up each of a hundred thousand separately.
    held = fetch_arrays(session, _SQL("list_held"), {"ids": UuidArray(stored["id"])}, prepare=False)[0]
    numbers, clusters = (np.empty(0) if one is None else one for one in (held.places, held.cluster_ids))
    indexes = numbers.astype(np.uint32) - 1
    ids, groups = np.unique(clusters.astype(np.int64), return_inverse=True)
    groups_now = fetch_arrays(session, _SQL("list_groups"), {"space": space_id, "ids": ids.tolist()})
    known = {row.id: (row.label, row.member_count) for row in groups_now}
    cluster_ids = ids.tolist()
    return MapPoints(
        np.column_stack([stored["x"][indexes], stored["y"][indexes]]).astype(np.float32),
        indexes,
        groups.astype(np.uint32),
        cluster_ids,
        [known.get(one, ("", 0))[0] for one in cluster_ids],
        [known.get(one, ("", 0))[1] for one in cluster_ids],
    )


def find_mapped_media(session: Session, space_id: int, index: int) -> uuid.UUID | None:
    """The picture at an index of the map, None if the map has fewer."""
    found = session.execute(
        text("SELECT substr(points, 24 * :index + 1, 16) FROM quality_report WHERE space_id = :space AND kind = 'map'"),
        {"space": space_id, "index": index},
    ).scalar_one_or_none()
    return uuid.UUID(bytes=bytes(found)) if found else None


def _drawing(space_id: int, media_count: int, pairs: int) -> dict[str, Any]:
    """Parameters for sampling about twice as many pictures as pairs: a percentage of a large library, or several copies of a small one."""
    is_small = media_count <= _SMALL_LIBRARY
    return {
        "space": space_id,
        "pairs": pairs,
        "share": 100.0 if is_small else min(200 * pairs / media_count, 100.0),
        "times": -(-2 * pairs // max(media_count, 1)) if is_small else 1,
    }
