"""Queries of the assigner. All belong to a transaction that holds `lock_assigner`."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from backend.rules.grouping import Assignment, CentroidCache
from backend.store.arrays import copy_records, fetch_arrays, next_values
from backend.store.engine import limit_idling
from backend.store.groups.centroids import write_centroids
from backend.store.media import record_ready
from backend.store.schema import Space
from backend.store.statements import Statements

_SQL = Statements(__file__)
_ASSIGNER_LOCK = 0x6D63_0002


@dataclass(frozen=True)
class AssignableBatch:
    """Embedded pictures in upload order: ids, image embeddings (n, d), ids of their requests, and upload times."""

    media_ids: list[uuid.UUID]
    embeddings: NDArray[np.float32]
    request_ids: list[str | None]
    created_at: list[datetime]

    def first(self, count: int) -> "AssignableBatch":
        return replace(
            self,
            media_ids=self.media_ids[:count],
            embeddings=self.embeddings[:count],
            request_ids=self.request_ids[:count],
            created_at=self.created_at[:count],
        )


@dataclass(frozen=True)
class AssignedMedia:
    """A picture and the group that it joined."""

    media_id: uuid.UUID
    cluster_id: int


def try_lock_assigner(session: Session, *, idle_seconds: float = 0.0) -> bool:
    """Take the lock of the writer of memberships until the transaction ends. Returns False if another one holds it.

    `idle_seconds` ends the transaction, and releases the lock, if the process is idle in it for so long, because it was stopped or cut
    off (0: never).
    """
    limit_idling(session, idle_seconds)
    return bool(session.execute(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": _ASSIGNER_LOCK}).scalar_one())


def lock_assigner(session: Session) -> None:
    """Wait for the lock of the writer of memberships. A statement of its own, so that later statements see what the previous writer
    committed (READ COMMITTED)."""
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ASSIGNER_LOCK})


def get_centroid_version(session: Session, space_id: int) -> int:
    return session.execute(select(Space.centroid_version).where(Space.id == space_id)).scalar_one()


def count_centroids(session: Session, space_id: int) -> int:
    rows = fetch_arrays(
        session, "SELECT count(*) AS centroids FROM centroid WHERE space_id = :space", {"space": space_id}
    )
    return int(rows[0].centroids)


def load_centroids(session: Session, space_id: int, dimension: int) -> CentroidCache:
    """All centroids of a space, by cluster id."""
    version = get_centroid_version(session, space_id)
    count, filled = count_centroids(session, space_id), 0
    cluster_ids, counts = np.empty(count, dtype=np.int64), np.empty(count, dtype=np.int64)
    sums, is_open = np.empty((count, dimension), dtype=np.float64), np.empty(count, dtype=np.bool_)
    record = _centroid_record(dimension)
    for block in copy_records(session, _SQL("load_centroids"), {"space_id": space_id}, record):
        part = slice(filled, filled + len(block))
        cluster_ids[part], counts[part] = block["cluster_id"], block["count"]
        sums[part], is_open[part] = block["sum"]["value"], block["is_open"]
        filled += len(block)
    return CentroidCache(cluster_ids, sums, counts, is_open, version)


def fetch_centroids(session: Session, space_id: int, cluster_ids: NDArray[np.int64], dimension: int) -> CentroidCache:
    """The centroids of these clusters (m,) in a space, ascending."""
    version = get_centroid_version(session, space_id)
    rows = fetch_arrays(
        session,
        "SELECT cluster_id, embedding_sum, member_count, NOT locked AS is_open "
        "FROM centroid JOIN cluster ON cluster.id = cluster_id "
        "WHERE space_id = :space AND cluster_id = ANY(:ids) ORDER BY cluster_id",
        {"space": space_id, "ids": cluster_ids.tolist()},
    )
    sums = np.array([row.embedding_sum for row in rows], dtype=np.float64)
    return CentroidCache(
        np.array([row.cluster_id for row in rows], dtype=np.int64),
        sums.reshape(len(rows), dimension),
        np.array([row.member_count for row in rows], dtype=np.int64),
        np.array([row.is_open for row in rows], dtype=np.bool_),
        version,
    )


def copy_open_units(
    session: Session, space_id: int, dimension: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Yield centroids of unlocked groups in blocks: (m,) ids, and (m, d) unit vectors in single precision."""
    record = np.dtype(
        [
            *[("fields", ">i2"), ("id_length", ">i4"), ("cluster_id", ">i8")],
            *[("unit_length", ">i4"), ("unit_header", ">i4"), ("unit", ">f4", dimension)],
        ]
    )
    for block in copy_records(session, _SQL("copy_open_units"), {"space_id": space_id}, record):
        yield block["cluster_id"].astype(np.int64), block["unit"].astype(np.float32)


def _centroid_record(dimension: int) -> np.dtype[np.void]:
    """A row of the statement above in the binary format of COPY. An array has a header of five numbers."""
    return np.dtype(
        [
            *[("fields", ">i2"), ("id_length", ">i4"), ("cluster_id", ">i8"), ("sum_length", ">i4")],
            *[("sum_header", ">i4", 5), ("sum", [("length", ">i4"), ("value", ">f8")], dimension)],
            *[("count_length", ">i4"), ("count", ">i4"), ("open_length", ">i4"), ("is_open", "u1")],
        ]
    )


def claim_assignable(
    session: Session, space_id: int, dimension: int, *, limit: int, wait_seconds: float
) -> AssignableBatch:
    """The next pictures to assign, locked until the transaction ends."""
    rows = fetch_arrays(
        session,
        _SQL("list_assignable"),
        {"space_id": space_id, "limit": limit, "wait_seconds": wait_seconds},
    )
    embeddings = np.empty((len(rows), dimension), dtype=np.float32)
    for position, row in enumerate(rows):
        embeddings[position] = row.image_embedding
    return AssignableBatch(
        [row.id for row in rows], embeddings, [row.request_id for row in rows], [row.created_at for row in rows]
    )


def record_assignment(
    session: Session,
    space_id: int,
    batch: AssignableBatch,
    assignment: Assignment,
    cache: CentroidCache,
    threshold: float,
) -> tuple[list[AssignedMedia], list[int], int]:
    """Write groups, centroids and memberships, and mark the pictures as ready.

    Returns the assignments, the ids of new groups in row order, and the new centroid version.
    """
    founders = [
        media_id for media_id, decision in zip(batch.media_ids, assignment.decisions, strict=True) if decision.founder
    ]
    founded_ids = _insert_clusters(session, founders)
    cluster_ids = np.concatenate([cache.cluster_ids, np.array(founded_ids, dtype=np.int64)])
    changed = cluster_ids[assignment.rows].tolist()
    write_centroids(session, space_id, changed, assignment.sums, assignment.counts.tolist())
    _insert_memberships(session, space_id, batch, assignment, cluster_ids, threshold)
    assigned = [
        AssignedMedia(media_id, int(cluster_ids[decision.row]))
        for media_id, decision in zip(batch.media_ids, assignment.decisions, strict=True)
    ]
    record_ready(session, {one.media_id: one.cluster_id for one in assigned})
    return assigned, founded_ids, bump_centroid_version(session, space_id)


def bump_centroid_version(session: Session, space_id: int) -> int:
    """Invalidate cached centroids. Every writer of centroids or locks must call this."""
    return int(
        session.execute(
            text("UPDATE space SET centroid_version = centroid_version + 1 WHERE id = :id RETURNING centroid_version"),
            {"id": space_id},
        ).scalar_one()
    )


def _insert_clusters(session: Session, founders: Sequence[uuid.UUID]) -> list[int]:
    if not founders:
        return []
    ids = next_values(session, "cluster_id_seq", len(founders))
    session.execute(text(_SQL("insert_clusters")), {"ids": ids, "founders": list(founders)})
    return ids


def _insert_memberships(
    session: Session,
    space_id: int,
    batch: AssignableBatch,
    assignment: Assignment,
    cluster_ids: NDArray[np.int64],
    threshold: float,
) -> None:
    decisions = assignment.decisions
    session.execute(
        text(_SQL("insert_memberships")),
        {
            "media_ids": batch.media_ids,
            "cluster_ids": [int(cluster_ids[decision.row]) for decision in decisions],
            "similarities": [decision.similarity for decision in decisions],
            "runners_up": [
                None if decision.runner_up is None else int(cluster_ids[decision.runner_up]) for decision in decisions
            ],
            "runner_up_similarities": [decision.runner_up_similarity for decision in decisions],
            "margins": [decision.margin for decision in decisions],
            "founders": [decision.founder for decision in decisions],
            "sequence": next_values(session, "membership_assign_seq", len(decisions)),
            "space_id": space_id,
            "threshold": threshold,
        },
    )
