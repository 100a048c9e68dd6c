"""Centroids: written for whoever changes them, and summed up anew from their members."""

import uuid
from collections.abc import Collection, Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from pgvector import Vector
from sqlalchemy.orm import Session

from backend.store.arrays import DoubleArray, execute_many, fetch_arrays
from backend.vectors import unit_rows

_BLOCK = 1024


def write_centroids(
    session: Session,
    space_id: int,
    cluster_ids: Sequence[int],
    sums: NDArray[np.float64],
    counts: Sequence[int],
) -> None:
    """Insert or replace: (m, d) sums of members' unit vectors, (m,) members."""
    if not cluster_ids:
        return
    units = unit_rows(sums).astype(np.float32)
    execute_many(
        session,
        "INSERT INTO centroid (space_id, cluster_id, embedding_sum, member_count, centroid) VALUES (%s, %s, %s, %s, %s) "
        "ON CONFLICT (space_id, cluster_id) DO UPDATE SET embedding_sum = excluded.embedding_sum, "
        "member_count = excluded.member_count, centroid = excluded.centroid",
        [
            (space_id, cluster_id, DoubleArray(total), count, Vector(unit))
            for cluster_id, total, count, unit in zip(cluster_ids, sums, counts, units, strict=True)
        ],
    )


def resum_centroids(session: Session, space_id: int, cluster_ids: Collection[int]) -> None:
    """Add up clusters anew from their members, one after another in the order of decisions, as the assigner does: the
    sums are equal to its own to the last bit. Members that the space has no vectors of do not count; clusters without
    members are passed by.

    Embeddings are read in blocks, so that memory does not grow with the clusters.
    """
    members = fetch_arrays(
        session,
        "SELECT cluster_id, media_id FROM membership WHERE cluster_id = ANY(:ids) "
        "AND EXISTS (SELECT FROM embedding WHERE embedding.space_id = :space AND embedding.media_id = membership.media_id) "
        "ORDER BY cluster_id, assign_seq",
        {"ids": list(cluster_ids), "space": space_id},
    )
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
    """Image embeddings (n, d) of these media, in their order."""
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
    """Blocks of clusters that are neither locked nor excluded, by id: (m,) ids and (m, d) sums."""
    after = 0
    while rows := fetch_arrays(
        session,
        "SELECT cluster_id, embedding_sum FROM centroid JOIN cluster ON cluster.id = cluster_id "
        "WHERE space_id = :space AND NOT locked AND cluster_id > :after "
        "AND cluster_id <> ALL(:excluded::bigint[]) ORDER BY cluster_id LIMIT :limit",
        {"space": space_id, "after": after, "excluded": list(excluded), "limit": _BLOCK},
    ):
        after = rows[-1][0]
        yield np.array([row[0] for row in rows], dtype=np.int64), np.stack([row[1] for row in rows])
