"""Queries of regrouping: reads a whole grouping, and detects later changes."""

import uuid
from dataclasses import dataclass, replace

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from backend.rules.editing import CURATOR, CannotLink
from backend.store.groups.centroids import fetch_embeddings
from backend.store.groups.edits import list_cannot_links
from backend.store.schema import Cluster, Media, Membership

_BLOCK = 1024


@dataclass(frozen=True)
class StoredGrouping:
    """All memberships of a space in upload order, with curators' decisions.

    Attributes:
        media_ids: n pictures.
        clusters: (n,) cluster ids.
        fixed: (n,) whether a curator decided the membership, or chose the picture as representative.
        locked: locked clusters.
        anchored: clusters with a label or representative that a curator chose.
        cannot_links: pairs of clusters that must stay apart.
    """

    media_ids: list[uuid.UUID]
    clusters: NDArray[np.int64]
    fixed: NDArray[np.bool_]
    locked: frozenset[int]
    anchored: frozenset[int]
    cannot_links: frozenset[CannotLink]

    def take(self, rows: NDArray[np.int64]) -> "StoredGrouping":
        """Select memberships by row (m,). Properties of clusters are kept."""
        media_ids = [self.media_ids[row] for row in rows.tolist()]
        return replace(self, media_ids=media_ids, clusters=self.clusters[rows], fixed=self.fixed[rows])

    def differs_from(self, later: "StoredGrouping") -> bool:
        """Whether anything but new pictures was added since."""
        present = dict(zip(later.media_ids, zip(later.clusters, later.fixed, strict=True), strict=True))
        before = zip(self.media_ids, zip(self.clusters, self.fixed, strict=True), strict=True)
        return (
            any(present.get(media_id) != state for media_id, state in before)
            or self.locked != later.locked
            or self.anchored != later.anchored
            or self.cannot_links != later.cannot_links
        )


def read_grouping(session: Session, space_id: int) -> StoredGrouping:
    """Read the current grouping, with the clusters that have members in this space."""
    chosen = sa.and_(
        Cluster.representative_origin == CURATOR,
        sa.func.coalesce(Cluster.representative_media_id == Membership.media_id, False),
    )
    rows = session.execute(
        sa.select(
            Membership.media_id,
            Membership.cluster_id,
            sa.or_(Membership.origin == CURATOR, chosen).label("is_fixed"),
            Cluster.locked,
            sa.or_(Cluster.label_origin == CURATOR, Cluster.representative_origin == CURATOR).label("is_anchored"),
        )
        .join(Cluster, Cluster.id == Membership.cluster_id)
        .join(Media, Media.id == Membership.media_id)
        .where(Membership.space_id == space_id)
        .order_by(Media.upload_seq)
    ).all()
    return StoredGrouping(
        [row.media_id for row in rows],
        np.array([row.cluster_id for row in rows], dtype=np.int64),
        np.array([row.is_fixed for row in rows], dtype=np.bool_),
        frozenset(row.cluster_id for row in rows if row.locked),
        frozenset(row.cluster_id for row in rows if row.is_anchored),
        list_cannot_links(session),
    )


def load_embeddings(session: Session, space_id: int, media_ids: list[uuid.UUID], dimension: int) -> NDArray[np.float32]:
    """Image embeddings (n, d) of many pictures, read in blocks."""
    embeddings = np.empty((len(media_ids), dimension), dtype=np.float32)
    for start in range(0, len(media_ids), _BLOCK):
        block = media_ids[start : start + _BLOCK]
        embeddings[start : start + len(block)] = fetch_embeddings(session, space_id, block)
    return embeddings
