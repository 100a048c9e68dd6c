"""Queries of the wall of groups: a page of cards takes two statements, whatever its size."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session

from backend.store.arrays import is_among
from backend.store.media import Picture
from backend.store.schema import Centroid, Cluster, Space
from backend.store.statements import Statements, contains_folded

_SQL = Statements(__file__)
PICTURES_EACH = 4
_Expression = sa.ColumnElement[Any] | InstrumentedAttribute[Any]

# The mean cosine of members to their centroid equals the length of the mean vector (mean resultant length: Mardia & Jupp, Directional
# Statistics, 2000). Must match the index `centroid_cohesion_idx`.
COHESION: sa.ColumnElement[float] = sa.literal_column(
    "(vector_norm(centroid.embedding_sum::vector) / centroid.member_count::double precision)", sa.Double
)
# Groups without a label come last. Both must match the index `cluster_label_idx`.
_NO_LABEL: sa.ColumnElement[bool] = sa.literal_column("(cluster.label = ''::text)", sa.Boolean)
_FOLDED_LABEL: sa.ColumnElement[str] = sa.literal_column('lower("left"(cluster.label, 200))', sa.Text)
_FOLDED_CHARACTERS = sa.literal_column("200", sa.Integer)


class WallSort(StrEnum):
    """Orders of the wall."""

    LARGEST = "largest"
    NEWEST = "newest"
    LEAST_COHERENT = "least-coherent"
    LABEL = "label"


@dataclass(frozen=True)
class WallFilter:
    """Conditions of the wall: only locked groups, no groups of one, and words in the label (case-insensitive)."""

    locked: bool = False
    no_singles: bool = False
    words: str = ""


@dataclass(frozen=True)
class ClusterCard:
    """A group on the wall. `cohesion` is the mean cosine of members to the centroid; `pictures` start with the representative."""

    id: int
    label: str
    locked: bool
    size: int
    cohesion: float
    created_at: datetime
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class WallCounts:
    """Numbers of the wall: groups that match the filter, all groups and pictures, and the id of the newest group."""

    shown: int
    clusters: int
    media: int
    newest_id: int


def list_cards(
    session: Session, sort: WallSort, narrowed: WallFilter, *, after: Sequence[Any] | None = None, limit: int
) -> list[ClusterCard]:
    """A page of cards. `after` is `sort_key_of` the last card on the previous page. Two statements."""
    query = _cards().where(*_conditions(narrowed)).order_by(*_order(sort)).limit(limit)
    if after is not None:
        query = query.where(_behind(sort, after))
    return _with_pictures(session, session.execute(query).all())


def list_cards_by_id(
    session: Session, cluster_ids: Sequence[int], *, pictures_each: int = PICTURES_EACH
) -> list[ClusterCard]:
    """The cards of these groups, in order, without deleted ones. Two statements."""
    rows = {row.id: row for row in session.execute(_cards().where(is_among(Cluster.id, cluster_ids)))}
    wanted = [rows[one] for one in dict.fromkeys(cluster_ids) if one in rows]
    return _with_pictures(session, wanted, pictures_each)


def sort_key_of(sort: WallSort, card: ClusterCard) -> tuple[Any, ...]:
    """The sort key of a card, for cursors."""
    match sort:
        case WallSort.LARGEST:
            return card.size, card.id
        case WallSort.NEWEST:
            return (card.id,)
        case WallSort.LEAST_COHERENT:
            return card.cohesion, card.id
        case WallSort.LABEL:
            return card.label, card.id


def count_wall(session: Session, narrowed: WallFilter) -> WallCounts:
    """Count the groups of the wall, in one statement."""
    shown = sa.and_(sa.true(), *_conditions(narrowed))
    row = session.execute(
        sa.select(
            sa.func.count().filter(shown).label("shown"),
            sa.func.count().label("clusters"),
            sa.func.coalesce(sa.func.sum(Centroid.member_count), 0).label("media"),
            sa.func.coalesce(sa.func.max(Cluster.id), 0).label("newest_id"),
        )
        .select_from(Centroid)
        .join(Cluster, Cluster.id == Centroid.cluster_id)
        .where(Centroid.space_id == active_space())
    ).one()
    return WallCounts(**row._asdict())


def count_newer(session: Session, cluster_id: int) -> int:
    """Number of groups in the active space that were created after this one."""
    return session.execute(
        sa.select(sa.func.count())
        .select_from(Centroid)
        .where(Centroid.space_id == active_space(), Centroid.cluster_id > cluster_id)
    ).scalar_one()


def active_space() -> sa.ScalarSelect[int]:
    """The id of the active space, as a subquery."""
    return sa.select(Space.id).where(Space.is_active).scalar_subquery()


def _cards() -> sa.Select[*tuple[Any, ...]]:
    return (
        sa.select(
            Cluster.id,
            Cluster.label,
            Cluster.locked,
            Cluster.representative_media_id,
            Centroid.member_count.label("size"),
            COHESION.label("cohesion"),
            Cluster.created_at,
        )
        .join(Centroid, Centroid.cluster_id == Cluster.id)
        .where(Centroid.space_id == active_space())
    )


def _conditions(narrowed: WallFilter) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if narrowed.locked:
        conditions.append(Cluster.locked.is_(sa.true()))
    if narrowed.no_singles:
        conditions.append(Centroid.member_count > 1)
    if narrowed.words:
        conditions.append(contains_folded(Cluster.label, narrowed.words))
    return conditions


def _order(sort: WallSort) -> tuple[_Expression, ...]:
    match sort:
        case WallSort.LARGEST:
            return Centroid.member_count.desc(), Centroid.cluster_id
        case WallSort.NEWEST:
            return (Centroid.cluster_id.desc(),)
        case WallSort.LEAST_COHERENT:
            return COHESION, Centroid.cluster_id
        case WallSort.LABEL:
            return _NO_LABEL, _FOLDED_LABEL, Cluster.id


def _behind(sort: WallSort, key: Sequence[Any]) -> sa.ColumnElement[bool]:
    match sort:
        case WallSort.LARGEST:
            size, cluster_id = key
            same = sa.and_(Centroid.member_count == size, Centroid.cluster_id > cluster_id)
            return sa.or_(Centroid.member_count < size, same)
        case WallSort.NEWEST:
            return Centroid.cluster_id < int(key[0])
        case WallSort.LEAST_COHERENT:
            return sa.tuple_(COHESION, Centroid.cluster_id) > sa.tuple_(
                sa.cast(key[0], sa.Double), sa.cast(key[1], sa.BigInteger)
            )
        case WallSort.LABEL:
            label, cluster_id = key
            last = sa.cast(label, sa.Text)
            return sa.tuple_(_NO_LABEL, _FOLDED_LABEL, Cluster.id) > sa.tuple_(
                last == "", sa.func.lower(sa.func.left(last, _FOLDED_CHARACTERS)), sa.cast(cluster_id, sa.BigInteger)
            )


def _with_pictures(session: Session, rows: Sequence[Any], each: int = PICTURES_EACH) -> list[ClusterCard]:
    pictures: dict[int, dict[uuid.UUID, Picture]] = {row.id: {} for row in rows}
    if rows:
        found = session.execute(
            sa.text(_SQL("list_pictures")),
            {
                "cluster_ids": [row.id for row in rows],
                "representatives": [row.representative_media_id for row in rows],
                "each": each,
            },
        )
        for one in found:
            pictures[one.cluster_id].setdefault(one.media_id, Picture.of(one))
    return [
        ClusterCard(
            row.id,
            row.label,
            row.locked,
            row.size,
            row.cohesion,
            row.created_at,
            tuple(pictures[row.id].values())[:each],
        )
        for row in rows
    ]
