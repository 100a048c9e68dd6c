"""Queries of a group's page."""

import uuid
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend.errors import NotFound
from backend.store.groups.walls import COHESION, active_space
from backend.store.media import Picture
from backend.store.schema import Centroid, Cluster, Embedding, Media, Membership, Origin
from backend.store.titles import CALLED


@dataclass(frozen=True)
class ClusterHead:
    """A group without its members. `cohesion` is the mean cosine of members to the centroid."""

    id: int
    label: str
    label_origin: str
    locked: bool
    representative_media_id: uuid.UUID | None
    created_at: datetime
    size: int
    cohesion: float


@dataclass(frozen=True)
class Member:
    """A member, with its cosine to the current centroid.

    Attributes:
        picture: its thumbnail.
        similarity: its cosine.
        by_curator: whether a curator decided the membership.
        is_outlier: whether it is below the threshold, or below the lower fence of the members' similarities.
    """

    picture: Picture
    similarity: float
    by_curator: bool
    is_outlier: bool


@dataclass(frozen=True)
class Neighbours:
    """The members before and after a picture in its group, and its position from 1."""

    previous_id: uuid.UUID | None
    next_id: uuid.UUID | None
    place: int
    similarity: float


def get_head(session: Session, cluster_id: int) -> ClusterHead:
    """A group without its members. Raises NotFound."""
    row = session.execute(
        sa.select(
            Cluster.id,
            Cluster.label,
            Cluster.label_origin,
            Cluster.locked,
            Cluster.representative_media_id,
            Cluster.created_at,
            Centroid.member_count.label("size"),
            COHESION.label("cohesion"),
        )
        .join(Centroid, Centroid.cluster_id == Cluster.id)
        .where(Cluster.id == cluster_id, Centroid.space_id == active_space())
    ).one_or_none()
    if row is None:
        raise NotFound(
            f"There is no group {cluster_id}.", hint="It may have been merged into another group; see the history."
        )
    return ClusterHead(**row._asdict())


def _standing(cluster_id: int) -> sa.CTE:
    """The members with their cosines to the current centroid."""
    return (
        sa.select(
            Membership.media_id,
            Membership.origin,
            (1 - Embedding.image_embedding.cosine_distance(Centroid.centroid)).label("similarity"),
        )
        .join(Centroid, Centroid.cluster_id == Membership.cluster_id)
        .join(Embedding, sa.and_(Embedding.media_id == Membership.media_id, Embedding.space_id == Centroid.space_id))
        .where(Membership.cluster_id == cluster_id, Centroid.space_id == active_space())
        .cte("standing")
    )


def _nearest_first(standing: sa.CTE) -> tuple[sa.ColumnElement[float], sa.ColumnElement[uuid.UUID]]:
    return standing.c.similarity.desc(), standing.c.media_id


def _fence(standing: sa.CTE) -> sa.ScalarSelect[float]:
    """Tukey's lower fence (Exploratory Data Analysis, 1977): 1.5 interquartile ranges below the first quartile. The distance is at least
    0.02, because the range of a group of near-duplicates is almost 0."""
    lower, upper = (sa.func.percentile_cont(share).within_group(standing.c.similarity.asc()) for share in (0.25, 0.75))
    return sa.select(lower - sa.func.greatest(1.5 * (upper - lower), 0.02)).select_from(standing).scalar_subquery()


def list_member_cards(
    session: Session,
    cluster_id: int,
    *,
    threshold: float,
    after: tuple[float, uuid.UUID] | None = None,
    limit: int,
) -> list[Member]:
    """A page of members, nearest to the centroid first. `after` is (similarity, media_id) of the last member on the previous page."""
    standing = _standing(cluster_id)
    query = (
        sa.select(
            Media.id.label("media_id"),
            sa.func.encode(Media.sha256, "hex").label("sha256"),
            *CALLED,
            Media.width,
            Media.height,
            standing.c.similarity,
            (standing.c.origin == Origin.CURATOR).label("by_curator"),
            (standing.c.similarity < sa.func.greatest(threshold, _fence(standing))).label("is_outlier"),
        )
        .join(standing, standing.c.media_id == Media.id)
        .order_by(*_nearest_first(standing))
        .limit(limit)
    )
    if after is not None:
        similarity, media_id = after
        same = sa.and_(standing.c.similarity == similarity, standing.c.media_id > media_id)
        query = query.where(sa.or_(standing.c.similarity < similarity, same))
    rows = session.execute(query)
    return [
        Member(
            Picture.of(row),
            row.similarity,
            row.by_curator,
            row.is_outlier,
        )
        for row in rows
    ]


def list_member_ids(session: Session, cluster_id: int) -> list[uuid.UUID]:
    """Ids of all members, nearest to the centroid first. For "select all", since the page shows only some."""
    standing = _standing(cluster_id)
    return list(session.scalars(sa.select(standing.c.media_id).order_by(*_nearest_first(standing))))


def find_neighbours(session: Session, cluster_id: int, media_id: uuid.UUID) -> Neighbours | None:
    """Position of a picture in its group, None if it is not a member."""
    standing = _standing(cluster_id)
    order = _nearest_first(standing)
    placed = sa.select(
        standing.c.media_id,
        standing.c.similarity,
        sa.func.row_number().over(order_by=order).label("place"),
        sa.func.lag(standing.c.media_id).over(order_by=order).label("previous_id"),
        sa.func.lead(standing.c.media_id).over(order_by=order).label("next_id"),
    ).subquery()
    row = session.execute(
        sa.select(placed.c.previous_id, placed.c.next_id, placed.c.place, placed.c.similarity).where(
            placed.c.media_id == media_id
        )
    ).one_or_none()
    return None if row is None else Neighbours(**row._asdict())
