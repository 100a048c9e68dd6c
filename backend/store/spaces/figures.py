"""Queries on memberships and centroids in an inactive space."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.orm import Session

from backend.store.arrays import execute_many, fetch_arrays
from backend.store.groups import resum_centroids
from backend.store.statements import Statements

_SQL = Statements(__file__)
_NIL = uuid.UUID(int=0)


@dataclass(frozen=True, eq=False)
class CentroidTable:
    """All clusters of a space: ids (m,) ascending, unit centroids (m, d), and whether pictures may join (m,)."""

    cluster_ids: NDArray[np.int64]
    units: NDArray[np.float32]
    is_open: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class MemberBlock:
    """Staged members: ids, their clusters (n,), and image embeddings (n, d)."""

    media_ids: list[uuid.UUID]
    cluster_ids: NDArray[np.int64]
    embeddings: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Fits:
    """How well members fit their clusters.

    Attributes:
        own: (n,) cosine to the centroid of their own cluster.
        other: (n,) cosine to the nearest other centroid, -1 if there is none.
        first: (n,) whether it is the first member of its cluster.
        sizes: (n,) number of members of its cluster.
        sum_lengths: (n,) length of the sum of its cluster.
    """

    own: NDArray[np.float64]
    other: NDArray[np.float64]
    first: NDArray[np.bool_]
    sizes: NDArray[np.int64]
    sum_lengths: NDArray[np.float64]


def list_unaligned(session: Session, space_id: int) -> list[int]:
    """Clusters whose centroid or figures in this space do not match their members, by id."""
    return list(session.execute(text(_SQL("list_unaligned")), {"space_id": space_id}).scalars())


def align_clusters(session: Session, space_id: int, cluster_ids: Sequence[int]) -> None:
    """Recompute the centroids of these clusters in a space, and stage figures for members that have none. Values that are still correct do
    not change, to the last bit. Requires one snapshot of the memberships."""
    parameters = {"space_id": space_id, "cluster_ids": list(cluster_ids)}
    session.execute(text(_SQL("forget_figures")), parameters)
    session.execute(
        text("DELETE FROM centroid WHERE space_id = :space_id AND cluster_id = ANY(:cluster_ids)"), parameters
    )
    resum_centroids(session, space_id, cluster_ids)
    session.execute(text(_SQL("stage_figures")), parameters)


def read_centroids(session: Session, space_id: int, dimension: int) -> CentroidTable:
    """All centroids of a space. Takes memory for m * d single-precision numbers."""
    rows = fetch_arrays(session, _SQL("read_centroids"), {"space": space_id})
    units = np.empty((len(rows), dimension), dtype=np.float32)
    for index, row in enumerate(rows):
        units[index] = row.centroid
    cluster_ids = np.array([row.cluster_id for row in rows], dtype=np.int64)
    return CentroidTable(cluster_ids, units, np.array([row.is_open for row in rows], dtype=np.bool_))


def list_unmeasured(session: Session, space_id: int, after: uuid.UUID | None, limit: int) -> MemberBlock | None:
    """The next staged members without a runner-up after this id, None at the end."""
    rows = fetch_arrays(
        session, _SQL("list_unmeasured"), {"space_id": space_id, "after": after or _NIL, "limit": limit}
    )
    if not rows:
        return None
    return MemberBlock(
        [row.media_id for row in rows],
        np.array([row.cluster_id for row in rows]),
        np.stack([row.image_embedding for row in rows]),
    )


def record_runners_up(
    session: Session,
    space_id: int,
    block: MemberBlock,
    runner_up_ids: NDArray[np.int64],
    similarities: NDArray[np.float64],
) -> None:
    """Record the nearest other clusters (n,) of staged members with their cosines (n,). Skips members whose cosine is -inf."""
    execute_many(
        session,
        "UPDATE membership_figures SET runner_up_cluster_id = :runner_up, runner_up_similarity = :similarity "
        "WHERE space_id = :space AND media_id = :media AND cluster_id = :cluster AND threshold IS NULL",
        [
            {
                "runner_up": runner_up,
                "similarity": similarity,
                "space": space_id,
                "media": media_id,
                "cluster": cluster_id,
            }
            for runner_up, similarity, media_id, cluster_id in zip(
                runner_up_ids.tolist(), similarities.tolist(), block.media_ids, block.cluster_ids.tolist(), strict=True
            )
            if np.isfinite(similarity)
        ],
    )


def list_fits(session: Session, space_id: int) -> Fits:
    """How well all members fit their clusters in an aligned space."""
    rows = fetch_arrays(session, _SQL("list_fits"), {"space_id": space_id})
    return Fits(
        np.array([row.own for row in rows], dtype=np.float64),
        np.array([row.other for row in rows], dtype=np.float64),
        np.array([row.is_first for row in rows], dtype=np.bool_),
        np.array([row.size for row in rows], dtype=np.int64),
        np.array([row.sum_length for row in rows], dtype=np.float64),
    )


def has_vectors(session: Session, space_id: int) -> bool:
    """Whether a space has any vectors."""
    found = session.execute(text("SELECT EXISTS (SELECT FROM embedding WHERE space_id = :space)"), {"space": space_id})
    return bool(found.scalar_one())


def list_embedded(session: Session, space_id: int) -> set[uuid.UUID]:
    """All pictures with vectors in a space."""
    rows = session.execute(text("SELECT media_id FROM embedding WHERE space_id = :space"), {"space": space_id})
    return set(rows.scalars())


def load_text_pairs(
    session: Session, one_id: int, other_id: int, media_ids: Sequence[uuid.UUID]
) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """Text embeddings (n, d1) and (n, d2) of pictures that have one in both spaces, None if there are none."""
    rows = fetch_arrays(session, _SQL("load_text_pairs"), {"one": one_id, "other": other_id, "ids": list(media_ids)})
    return (np.stack([row.one for row in rows]), np.stack([row.other for row in rows])) if rows else None


def exchange_figures(session: Session, source_id: int, target_id: int, threshold: float) -> int:
    """Archive the figures of all memberships for the source space, and replace them by those of the target space. Staged ones use
    `threshold`. Returns the number of memberships without figures there, which are not changed."""
    session.execute(text("DELETE FROM membership_figures WHERE space_id = :space_id"), {"space_id": source_id})
    session.execute(text(_SQL("keep_figures")), {"space_id": source_id})
    session.execute(text(_SQL("put_figures")), {"space_id": target_id, "threshold": threshold})
    left = session.execute(text("SELECT count(*) FROM membership WHERE space_id <> :space_id"), {"space_id": target_id})
    return int(left.scalar_one())
