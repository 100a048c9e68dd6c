"""Queries of edits: read and write the affected rows. All belong to a transaction that holds the assigner's lock."""

import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields
from operator import attrgetter

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend.rules.editing import CannotLink, ClusterState, MembershipState, Snapshot
from backend.store.arrays import execute_many, fetch_arrays, is_among, next_values, run_statement
from backend.store.schema import Cluster, ClusterCannotLink, Membership
from backend.store.statements import Statements

_SQL = Statements(__file__)
_STATE_COLUMNS = tuple(field.name for field in fields(MembershipState))
_state_of = attrgetter(*_STATE_COLUMNS)


def read_snapshot(session: Session, cluster_ids: Iterable[int], media_ids: Iterable[uuid.UUID]) -> Snapshot:
    """The current rows of these clusters and memberships, and the cannot-links of the clusters."""
    clusters = list(dict.fromkeys(cluster_ids))
    media = list(dict.fromkeys(media_ids))
    states: dict[int, ClusterState | None] = dict.fromkeys(clusters)
    states.update(_read_clusters(session, clusters))
    memberships: dict[uuid.UUID, MembershipState | None] = dict.fromkeys(media)
    memberships.update(_read_memberships(session, "read_memberships", media))
    return Snapshot(states, memberships, list_cannot_links(session, clusters))


def read_members(session: Session, cluster_ids: Collection[int]) -> dict[uuid.UUID, MembershipState]:
    """All memberships of clusters, in the order in which they were decided."""
    return _read_memberships(session, "read_members", list(cluster_ids))


def count_members(session: Session, cluster_ids: Collection[int]) -> dict[int, int]:
    """Number of members of clusters, without empty ones."""
    rows = session.execute(
        sa.select(Membership.cluster_id, sa.func.count())
        .where(is_among(Membership.cluster_id, cluster_ids))
        .group_by(Membership.cluster_id)
    )
    return dict(rows.all())


def count_other_members(
    session: Session, cluster_ids: Collection[int], media_ids: Collection[uuid.UUID]
) -> dict[int, int]:
    """Number of members of each cluster that are not among these pictures."""
    rows = session.execute(
        sa.text(
            "SELECT cluster_id, count(*) FROM membership WHERE cluster_id = ANY(:clusters) "
            "AND media_id NOT IN (SELECT unnest(CAST(:media AS uuid[]))) GROUP BY cluster_id"
        ),
        {"clusters": list(cluster_ids), "media": list(media_ids)},
    )
    return dict(rows.all())


def list_cannot_links(session: Session, cluster_ids: Collection[int] | None = None) -> frozenset[CannotLink]:
    """Cannot-links as (cluster_a, cluster_b, event_id): all, or those of these clusters."""
    query = sa.select(ClusterCannotLink.cluster_a, ClusterCannotLink.cluster_b, ClusterCannotLink.event_id)
    if cluster_ids is not None:
        query = query.where(
            sa.or_(
                is_among(ClusterCannotLink.cluster_a, cluster_ids), is_among(ClusterCannotLink.cluster_b, cluster_ids)
            )
        )
    return frozenset((a, b, event_id) for a, b, event_id in session.execute(query))


def next_cluster_ids(session: Session, count: int) -> list[int]:
    """Ids for new clusters."""
    return next_values(session, "cluster_id_seq", count)


def lock_clusters(session: Session, cluster_ids: Collection[int]) -> None:
    """Lock cluster rows until the transaction ends, because the labeller writes to them without the assigner's lock."""
    session.execute(
        sa.select(Cluster.id).where(is_among(Cluster.id, cluster_ids)).order_by(Cluster.id).with_for_update()
    )


def insert_clusters(session: Session, states: Mapping[int, ClusterState]) -> None:
    """Insert clusters with these ids. A representative that no longer exists is omitted."""
    execute_many(session, _SQL("insert_clusters"), [{"id": one, **vars(state)} for one, state in states.items()])


def update_clusters(session: Session, states: Mapping[int, ClusterState]) -> None:
    """Set all columns of existing clusters. A representative that no longer exists is omitted."""
    execute_many(session, _SQL("update_clusters"), [{"id": one, **vars(state)} for one, state in states.items()])


def delete_clusters(session: Session, cluster_ids: Collection[int]) -> None:
    """Delete clusters without members, with their centroids and cannot-links."""
    session.execute(sa.delete(Cluster).where(is_among(Cluster.id, cluster_ids)))


def write_memberships(session: Session, states: Mapping[uuid.UUID, MembershipState]) -> None:
    """Set all columns of existing memberships."""
    columns = {name: [getattr(state, name) for state in states.values()] for name in _STATE_COLUMNS}
    run_statement(session, _SQL("write_memberships"), {"media_ids": list(states), **columns})


def delete_memberships(session: Session, media_ids: Collection[uuid.UUID]) -> None:
    session.execute(sa.text("DELETE FROM membership WHERE media_id = ANY(:ids)"), {"ids": list(media_ids)})


def measure_similarities(session: Session, space_id: int, media_ids: Collection[uuid.UUID]) -> None:
    """Set the similarity of members to that with their current centroid."""
    parameters = {"space_id": space_id, "media_ids": list(media_ids)}
    run_statement(session, _SQL("measure_similarities"), parameters)


def choose_representatives(
    session: Session, space_id: int, *, touched: Collection[int], to_choose: Collection[int], created: Collection[int]
) -> None:
    """Make the member nearest to the centroid the representative of each cluster in `to_choose` that has none chosen by a curator, and of
    each in `touched` whose representative is no longer a member."""
    run_statement(
        session,
        _SQL("choose_representatives"),
        {"space_id": space_id, "touched": list(touched), "to_choose": list(to_choose), "created": list(created)},
    )


def write_cannot_links(session: Session, removed: Collection[CannotLink], added: Collection[CannotLink]) -> None:
    names = ("cluster_a", "cluster_b", "event_id")
    execute_many(
        session,
        "DELETE FROM cluster_cannot_link WHERE cluster_a = :cluster_a AND cluster_b = :cluster_b AND event_id = :event_id",
        [dict(zip(names, link, strict=True)) for link in sorted(removed)],
    )
    execute_many(
        session,
        "INSERT INTO cluster_cannot_link (cluster_a, cluster_b, event_id) VALUES (:cluster_a, :cluster_b, :event_id) "
        "ON CONFLICT DO NOTHING",
        [dict(zip(names, link, strict=True)) for link in sorted(added)],
    )


def _read_clusters(session: Session, cluster_ids: list[int]) -> dict[int, ClusterState]:
    rows = session.execute(
        sa.select(
            Cluster.id,
            Cluster.label,
            Cluster.label_origin,
            Cluster.representative_media_id,
            Cluster.representative_origin,
            Cluster.locked,
            Cluster.created_at,
        ).where(is_among(Cluster.id, cluster_ids))
    )
    states = [row._asdict() for row in rows]
    return {state.pop("id"): ClusterState(**state) for state in states}


def _read_memberships(
    session: Session, name: str, ids: list[uuid.UUID] | list[int]
) -> dict[uuid.UUID, MembershipState]:
    rows = fetch_arrays(session, _SQL(name), {"ids": ids})
    return {row.media_id: MembershipState(*_state_of(row)) for row in rows}
