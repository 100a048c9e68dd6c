"""Queries of the labeller. It writes the columns of a label and nothing else, in short transactions."""

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
# More members would hardly change a name; the most typical ones are read.
MOST_MEMBERS = 500
# Of a cluster for which nothing was found to say: no hash of any members.
UNNAMED = 0


@dataclass(frozen=True)
class LabelWork:
    """A cluster that a label is to be made for, and a hash of its members."""

    cluster_id: int
    members: int


@dataclass(frozen=True)
class NewLabel:
    """What is to be recorded. label: None keeps what is there; members: what it was made from (see `LabelWork`)."""

    cluster_id: int
    label: str | None
    representative_media_id: uuid.UUID | None
    members: int


@dataclass(frozen=True)
class RecordedLabels:
    """How many labels and representatives have changed, and how many clusters somebody else was writing to."""

    labels: int = 0
    representatives: int = 0
    passed_by: int = 0


def try_lock_labeller(session: Session) -> bool:
    """Become the one labeller until the transaction ends; False where another one is at work."""
    return bool(session.execute(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": _LABELLER_LOCK}).scalar_one())


def lock_labeller(session: Session) -> None:
    """Become the one labeller until the transaction ends, when whoever is at work has finished."""
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LABELLER_LOCK})


def find_label_statistics(session: Session, space_id: int) -> LabelStatistics | None:
    return session.get(LabelStatistics, space_id, populate_existing=True)


def record_label_statistics(session: Session, space_id: int, content: dict[str, Any], media_count: int) -> None:
    """Store what was counted in the place of what was there, and have all clusters looked at again."""
    row = insert(LabelStatistics).values(space_id=space_id, content=content, media_count=media_count)
    session.execute(
        row.on_conflict_do_update(
            index_elements=["space_id"],
            set_={"content": content, "media_count": media_count, "centroid_version": None, "counted_at": func.now()},
        )
    )
    # Those in a curator's hands just now are passed by: they will be looked at for what the curator does.
    session.execute(
        text(
            "UPDATE cluster SET labelled_members = NULL WHERE id IN (SELECT id FROM cluster "
            "WHERE labelled_members IS NOT NULL ORDER BY id FOR NO KEY UPDATE SKIP LOCKED)"
        )
    )


def record_labelled_version(session: Session, space_id: int, centroid_version: int) -> None:
    """Nothing is left to do until the centroids have another version."""
    session.execute(
        text("UPDATE label_statistics SET centroid_version = :version WHERE space_id = :space"),
        {"version": centroid_version, "space": space_id},
    )


def carry_label_statistics(session: Session, source_id: int, target_id: int) -> None:
    """Labels are of words, which do not change with the space: what they were chosen against goes along, so that no label
    changes because of it."""
    session.execute(text(_SQL("carry_statistics")), {"source_id": source_id, "target_id": target_id})


def has_unlabelled(session: Session, space_id: int) -> bool:
    """Whether there is a cluster that was not looked at since it, or what its members say, is new."""
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
    """What a media says has changed: have its cluster looked at again."""
    # A cluster that is locked just now is in the hands of a curator, and will be looked at for that.
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
    """Ids of all clusters of a space, in their order."""
    query = text("SELECT cluster_id FROM centroid WHERE space_id = :space ORDER BY cluster_id")
    return list(session.execute(query, {"space": space_id}).scalars())


def list_label_work(session: Session, space_id: int, only: Sequence[int] | None) -> list[LabelWork]:
    """Clusters of which the machine chooses something, in order of id: these, or all whose members have changed."""
    ids = None if only is None else list(only)
    rows = session.execute(text(_SQL("list_work")), {"space": space_id, "only": ids})
    return [LabelWork(row.cluster_id, row.members) for row in rows]


def list_member_texts(session: Session, cluster_ids: Sequence[int]) -> dict[int, list[MemberText]]:
    """What the members of these clusters say, the most similar first, at most `MOST_MEMBERS` of each."""
    rows = session.execute(text(_SQL("list_member_texts")), {"ids": list(cluster_ids), "most": MOST_MEMBERS})
    texts: dict[int, list[MemberText]] = {cluster_id: [] for cluster_id in cluster_ids}
    for row in rows:
        texts[row.cluster_id].append(MemberText(row.keywords, row.title, row.caption))
    return texts


def list_nearest_members(session: Session, space_id: int, cluster_ids: Sequence[int]) -> dict[int, uuid.UUID]:
    """Of each cluster the member nearest its centroid, the one that came first of equals."""
    rows = session.execute(text(_SQL("list_nearest_members")), {"space": space_id, "ids": list(cluster_ids)})
    return {row.cluster_id: row.media_id for row in rows}


def list_centroids(
    session: Session, space_id: int, cluster_ids: Sequence[int]
) -> tuple[list[int], NDArray[np.float32]]:
    """Those of the clusters that have a centroid, and their centroids (n, d)."""
    rows = fetch_arrays(
        session,
        "SELECT cluster_id, centroid FROM centroid WHERE space_id = :space AND cluster_id = ANY(:ids)",
        {"space": space_id, "ids": list(cluster_ids)},
    )
    return [row.cluster_id for row in rows], np.array([row.centroid for row in rows], dtype=np.float32)


def record_labels(session: Session, new: Sequence[NewLabel]) -> RecordedLabels:
    """Write what the machine may choose: never over a curator's label or representative, and not to a cluster that
    somebody else is writing to just now (it stays as it is, and is looked at the next time)."""
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
