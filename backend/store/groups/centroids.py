"""Queries that write centroids, and recompute them from their members."""

import uuid
from collections.abc import Collection, Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from pgvector import Vector
from sqlalchemy.orm import Session

from backend.store.arrays import DoubleArray, execute_many, fetch_arrays
from backend.store.statements import Statements
from backend.vectors import unit_rows

_SQL = Statements(__file__)
_BLOCK = 1024


def write_centroids(
    session: Session,
    space_id: int,
    cluster_ids: Sequence[int],
    sums: NDArray[np.float64],
    counts: Sequence[int],
) -> None:
    """Insert or replace centroids: (m, d) sums of the members' unit vectors, (m,) member counts."""
    if not cluster_ids:
        return
    units = unit_rows(sums).astype(np.float32)
    execute_many(
        session,
        _SQL("write"),
        [
            {
                "space": space_id,
                "cluster": cluster_id,
                "sum": DoubleArray(total),
                "count": count,
                "unit": Vector(unit),
            }
            for cluster_id, total, count, unit in zip(cluster_ids, sums, counts, units, strict=True)
        ],
    )


def resum_centroids(session: Session, space_id: int, cluster_ids: Collection[int]) -> None:
    """Recompute centroids from their members, in the order of decisions, like the assigner. The sums are equal to the last bit.

    Members without vectors in the space do not count, and clusters without members are skipped. Embeddings are read in blocks, so that
    memory does not grow with the size of clusters.
    """
    members = fetch_arrays(session, _SQL("list_members"), {"ids": list(cluster_ids), "space": space_id})
    sums: dict[int, NDArray[np.float64]] = {}
    counts: dict[int, int] = {}
    remaining = iter(members)
    while block := list(islice(remaining, _BLOCK)):
        units = unit_rows(fetch_embeddings(session, space_id, [media_id for _, media_id in block]))
        for (cluster_id, _), unit in zip(block, units, strict=True):
            if cluster_id in sums:
                sums[cluster_id] += unit
            else:
                sums[cluster_id] = unit.copy()
            counts[cluster_id] = counts.get(cluster_id, 0) + 1
    if sums:
        write_centroids(session, space_id, list(sums), np.stack(list(sums.values())), list(counts.values()))


def fetch_embeddings(session: Session, space_id: int, media_ids: Sequence[uuid.UUID]) -> NDArray[np.float32]:
    """Image embeddings (n, d) of pictures, in order."""
    rows = fetch_arrays(
        session,
        "SELECT media_id, image_embedding FROM embedding WHERE space_id = :space AND media_id = ANY(:ids)",
        {"space": space_id, "ids": list(media_ids)},
    )
    by_id = dict(rows)
    return np.stack([by_id[media_id] for media_id in media_ids])


def iterate_open_centroids(
    session: Session, space_id: int, excluded: Collection[int]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Yield unlocked clusters that are not excluded, in blocks by id: (m,) ids and (m, d) sums."""
    after = 0
    while rows := fetch_arrays(
        session,
        _SQL("list_open"),
        {"space": space_id, "after": after, "excluded": list(excluded), "limit": _BLOCK},
    ):
        after = rows[-1].cluster_id
        cluster_ids = np.array([row.cluster_id for row in rows], dtype=np.int64)
        yield cluster_ids, np.stack([row.embedding_sum for row in rows])
