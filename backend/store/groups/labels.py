"""Queries of the labeller. It writes only label columns, in short transactions."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.rules.naming import MemberText
from backend.store.arrays import execute_many, fetch_arrays
from backend.store.schema import LabelStatistics
from backend.store.statements import Statements

_SQL = Statements(__file__)
_LABELLER_LOCK = 0x6D63_0005
# Only the most typical members are read. More would hardly change the label.
MOST_MEMBERS = 500
# Stored instead of a hash for a cluster without a label. No hash of members has this value.
UNNAMED = 0


@dataclass(frozen=True)
class LabelWork:
    """A cluster to label, and a hash of its members."""

    cluster_id: int
    members: int


@dataclass(frozen=True)
class NewLabel:
    """A label to record. `label` None keeps the current one; `members` is the hash that it was made from (see `LabelWork`)."""

    cluster_id: int
    label: str | None
    representative_media_id: uuid.UUID | None
    members: int


@dataclass(frozen=True)
class RecordedLabels:
    """Numbers of changed labels and representatives, and of clusters that were skipped because another transaction held them."""

    labels: int = 0
    representatives: int = 0
    passed_by: int = 0


def try_lock_labeller(session: Session) -> bool:
    """Take the labeller's lock until the transaction ends. Returns False if another process holds it."""
    return bool(session.execute(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": _LABELLER_LOCK}).scalar_one())


def lock_labeller(session: Session) -> None:
    """Wait for the labeller's lock, held until the transaction ends."""
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LABELLER_LOCK})


def find_label_statistics(session: Session, space_id: int) -> LabelStatistics | None:
    return session.get(LabelStatistics, space_id, populate_existing=True)


def record_label_statistics(session: Session, space_id: int, content: dict[str, Any], media_count: int) -> None:
    """Store new word counts, and mark all clusters for labelling."""
    row = insert(LabelStatistics).values(space_id=space_id, content=content, media_count=media_count)
    session.execute(
        row.on_conflict_do_update(
            index_elements=["space_id"],
            set_={"content": content, "media_count": media_count, "centroid_version": None, "counted_at": func.now()},
        )
    )
    # Skip clusters locked by a curator's edit: that marks them itself.
    session.execute(
        text(
            "UPDATE cluster SET labelled_members = NULL WHERE id IN (SELECT id FROM cluster "
            "WHERE labelled_members IS NOT NULL ORDER BY id FOR NO KEY UPDATE SKIP LOCKED)"
        )
    )


def record_labelled_version(session: Session, space_id: int, centroid_version: int) -> None:
    """Record that all labels are up to date for this version of the centroids."""
    session.execute(
        text("UPDATE label_statistics SET centroid_version = :version WHERE space_id = :space"),
        {"version": centroid_version, "space": space_id},
    )


def carry_label_statistics(session: Session, source_id: int, target_id: int) -> None:
    """Copy the word counts to another space, so that activating it changes no label. Labels are made of words, which do not depend on the
    space."""
    session.execute(text(_SQL("carry_statistics")), {"source_id": source_id, "target_id": target_id})


def has_unlabelled(session: Session, space_id: int) -> bool:
    """Whether any cluster is waiting to be labelled."""
    found = session.execute(
        text(
            "SELECT EXISTS (SELECT FROM cluster JOIN centroid ON centroid.cluster_id = cluster.id "
            "WHERE labelled_members IS NULL AND centroid.space_id = :space "
            "AND (label_origin = 'auto' OR representative_origin = 'auto'))"
        ),
        {"space": space_id},
    )
    return bool(found.scalar_one())


def mark_unlabelled(session: Session, media_id: uuid.UUID) -> None:
    """Mark the cluster of a picture for labelling, because its text has changed."""
    # A cluster that is locked now is being edited by a curator, which marks it too.
    session.execute(
        text(
            "UPDATE cluster SET labelled_members = NULL WHERE id IN (SELECT c.id FROM cluster c "
            "JOIN membership m ON m.cluster_id = c.id WHERE m.media_id = :media FOR NO KEY UPDATE OF c SKIP LOCKED)"
        ),
        {"media": media_id},
    )


def count_all_members(session: Session, space_id: int) -> int:
    query = text("SELECT COALESCE(sum(member_count), 0) FROM centroid WHERE space_id = :space")
    return int(session.execute(query, {"space": space_id}).scalar_one())


def list_clusters_of(session: Session, space_id: int) -> list[int]:
    """Ids of all clusters of a space, in order."""
    query = text("SELECT cluster_id FROM centroid WHERE space_id = :space ORDER BY cluster_id")
    return list(session.execute(query, {"space": space_id}).scalars())


def list_label_work(session: Session, space_id: int, only: Sequence[int] | None) -> list[LabelWork]:
    """Clusters to label, by id: the given ones, or all whose members have changed. Without those decided by a curator."""
    ids = None if only is None else list(only)
    rows = session.execute(text(_SQL("list_work")), {"space": space_id, "only": ids})
    return [LabelWork(row.cluster_id, row.members) for row in rows]


def list_member_texts(session: Session, cluster_ids: Sequence[int]) -> dict[int, list[MemberText]]:
    """Texts of members, most similar first, at most `MOST_MEMBERS` per cluster."""
    rows = session.execute(text(_SQL("list_member_texts")), {"ids": list(cluster_ids), "most": MOST_MEMBERS})
    texts: dict[int, list[MemberText]] = {cluster_id: [] for cluster_id in cluster_ids}
    for row in rows:
        texts[row.cluster_id].append(MemberText(row.keywords, row.title, row.caption))
    return texts


def list_nearest_members(session: Session, space_id: int, cluster_ids: Sequence[int]) -> dict[int, uuid.UUID]:
    """The member nearest to the centroid of each cluster, the earliest among equals."""
    rows = session.execute(text(_SQL("list_nearest_members")), {"space": space_id, "ids": list(cluster_ids)})
    return {row.cluster_id: row.media_id for row in rows}


def list_centroids(
    session: Session, space_id: int, cluster_ids: Sequence[int]
) -> tuple[list[int], NDArray[np.float32]]:
    """The clusters that have a centroid, and these centroids (n, d)."""
    rows = fetch_arrays(
        session,
        "SELECT cluster_id, centroid FROM centroid WHERE space_id = :space AND cluster_id = ANY(:ids)",
        {"space": space_id, "ids": list(cluster_ids)},
    )
    return [row.cluster_id for row in rows], np.array([row.centroid for row in rows], dtype=np.float32)


def record_labels(session: Session, new: Sequence[NewLabel]) -> RecordedLabels:
    """Write labels and representatives, except those chosen by curators. Skips clusters that another transaction is writing to, for the
    next run."""
    rows = session.execute(
        text(_SQL("lock")),
        {"ids": [one.cluster_id for one in new], "nearest": [one.representative_media_id for one in new]},
    ).all()
    wanted = {one.cluster_id: one for one in new}
    labels = representatives = 0
    changes: list[dict[str, Any]] = []
    for row in rows:
        one = wanted[row.id]
        label = one.label if row.label_origin == "auto" and one.label is not None else row.label
        chosen = row.nearest if row.representative_origin == "auto" and row.nearest else row.representative_media_id
        labels += label != row.label
        representatives += chosen != row.representative_media_id
        changes.append({"id": row.id, "label": label, "representative": chosen, "members": one.members})
    execute_many(
        session,
        "UPDATE cluster SET label = :label, representative_media_id = :representative, labelled_members = :members "
        "WHERE id = :id",
        changes,
    )
    return RecordedLabels(labels, representatives, len(new) - len(rows))
