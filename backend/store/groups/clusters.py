"""Read queries on groups and their members."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend.errors import NotFound
from backend.store.arrays import is_among
from backend.store.schema import Centroid, Cluster, Media, Membership, Space
from backend.store.titles import CALLED, with_shown_title


@dataclass(frozen=True)
class ClusterSummary:
    """A group in a list. `size` is its number of members."""

    id: int
    label: str
    label_origin: str
    representative_media_id: uuid.UUID | None
    locked: bool
    size: int
    created_at: datetime


@dataclass(frozen=True)
class ClusterMember:
    """A member, and its similarity to the centroid when it joined."""

    media_id: uuid.UUID
    title: str
    shown_title: str
    location: str
    similarity: float
    margin: float | None
    origin: str


@dataclass(frozen=True)
class SourceMembership:
    """A picture with its source and its group."""

    media_id: uuid.UUID
    source_uri: str
    cluster_id: int
    label: str


def _summaries() -> sa.Select[int, str, str, uuid.UUID | None, bool, int, datetime]:
    return (
        sa.select(
            Cluster.id,
            Cluster.label,
            Cluster.label_origin,
            Cluster.representative_media_id,
            Cluster.locked,
            Centroid.member_count.label("size"),
            Cluster.created_at,
        )
        .join(Centroid, Centroid.cluster_id == Cluster.id)
        .join(Space, sa.and_(Space.id == Centroid.space_id, Space.is_active))
    )


def list_clusters(session: Session, *, after: tuple[int, int] | None = None, limit: int) -> list[ClusterSummary]:
    """A page of groups, largest first, then oldest. `after` is (size, id) of the last row on the previous page."""
    query = _summaries().order_by(Centroid.member_count.desc(), Cluster.id).limit(limit)
    if after is not None:
        size, cluster_id = after
        query = query.where(
            sa.or_(Centroid.member_count < size, sa.and_(Centroid.member_count == size, Cluster.id > cluster_id))
        )
    return [ClusterSummary(**row._asdict()) for row in session.execute(query)]


def get_cluster(session: Session, cluster_id: int) -> ClusterSummary:
    """A group. Raises NotFound."""
    row = session.execute(_summaries().where(Cluster.id == cluster_id)).one_or_none()
    if row is None:
        raise NotFound(f"There is no group {cluster_id}.")
    return ClusterSummary(**row._asdict())


def count_clusters(session: Session) -> int:
    return session.execute(
        sa.select(sa.func.count())
        .select_from(Centroid)
        .join(Space, sa.and_(Space.id == Centroid.space_id, Space.is_active))
    ).scalar_one()


def list_members(
    session: Session, cluster_id: int, *, after: tuple[float, uuid.UUID] | None = None, limit: int
) -> list[ClusterMember]:
    """A page of members, most similar first. `after` is (similarity, media_id) of the last row on the previous page."""
    query = (
        sa.select(
            Membership.media_id,
            *CALLED,
            Media.location,
            Membership.similarity,
            Membership.margin,
            Membership.origin,
        )
        .join(Media, Media.id == Membership.media_id)
        .where(Membership.cluster_id == cluster_id)
        .order_by(Membership.similarity.desc(), Membership.media_id)
        .limit(limit)
    )
    if after is not None:
        similarity, media_id = after
        query = query.where(
            sa.or_(
                Membership.similarity < similarity,
                sa.and_(Membership.similarity == similarity, Membership.media_id > media_id),
            )
        )
    return [ClusterMember(**with_shown_title(row)) for row in session.execute(query)]


def list_memberships(session: Session, media_ids: Sequence[uuid.UUID]) -> list[tuple[Membership, str]]:
    """The memberships of pictures, each with the label of its group."""
    rows = session.execute(
        sa.select(Membership, Cluster.label)
        .join(Cluster, Cluster.id == Membership.cluster_id)
        .where(is_among(Membership.media_id, media_ids))
    )
    return [(membership, label) for membership, label in rows]


def find_cluster_ids(session: Session, media_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, int]:
    """The groups of pictures, without pictures that have none."""
    rows = session.execute(
        sa.select(Membership.media_id, Membership.cluster_id).where(is_among(Membership.media_id, media_ids))
    )
    return {row.media_id: row.cluster_id for row in rows}


def list_memberships_by_source(session: Session, sources: Sequence[str]) -> list[SourceMembership]:
    """The groups of all pictures from these source URIs, in the order of assignment."""
    rows = session.execute(
        sa.select(Media.id, Media.source_uri, Membership.cluster_id, Cluster.label)
        .join(Membership, Membership.media_id == Media.id)
        .join(Cluster, Cluster.id == Membership.cluster_id)
        .where(Media.source_uri.in_(sources))
        .order_by(Membership.assign_seq)
    )
    return [SourceMembership(row.id, row.source_uri or "", row.cluster_id, row.label) for row in rows]
