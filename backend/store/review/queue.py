"""Queries of the review queue: facts to compute it from, its items, and curators' decisions."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Session

from backend.rules.naming import shown_title
from backend.rules.review import QUEUES, Acceptance
from backend.store.arrays import fetch_arrays
from backend.store.schema import ReviewDecision, ReviewItem, ReviewRefresh
from backend.store.statements import Statements

_SQL = Statements(__file__)
_LOCK = 0x6D63_0011
# Which facts make an item outdated depends on what accepting it does, and on whether it concerns a caption.
_KINDS: Final = {
    "merging": [kind.value for kind, queue in QUEUES.items() if queue.acceptance is Acceptance.MERGE],
    "splitting": [kind.value for kind, queue in QUEUES.items() if queue.acceptance is Acceptance.SPLIT],
    "of_captions": [kind.value for kind, queue in QUEUES.items() if queue.concerns_caption],
}


@dataclass(frozen=True)
class MemberFacts:
    """A membership, as the review queue sees it.

    Attributes:
        media_id: the picture.
        cluster_id: its group.
        automatic: whether the assigner chose the group, not a curator.
        similarity: cosine to the group's centroid at the time of assignment.
        margin: how far the similarity would have to change for another assignment (see `schema.Membership`).
        runner_up_cluster_id: second nearest group at the time of assignment.
        runner_up_similarity: cosine to that group.
        threshold: threshold of the assignment.
        founder: whether the picture founded the group.
        to_centroid: cosine to the current centroid.
        caption_similarity: cosine of caption and image; None without a caption.
    """

    media_id: uuid.UUID
    cluster_id: int
    automatic: bool
    similarity: float
    margin: float | None
    runner_up_cluster_id: int | None
    runner_up_similarity: float | None
    threshold: float
    founder: bool
    to_centroid: float
    caption_similarity: float | None


@dataclass(frozen=True, eq=False)
class OpenCentroids:
    """Unlocked groups: ids and sizes (k,), unit centroids (k, d)."""

    cluster_ids: NDArray[np.int64]
    sizes: NDArray[np.int64]
    centroids: NDArray[np.float32]


@dataclass(frozen=True)
class NewItem:
    """An item to insert. `subject` identifies the picture or groups concerned; it is unique within its kind."""

    kind: str
    subject: str
    urgency: float
    cluster_id: int
    figures: Mapping[str, float]
    media_id: uuid.UUID | None = None
    other_cluster_id: int | None = None


@dataclass(frozen=True)
class ClusterInItem:
    """A group, for display in an item."""

    id: int
    label: str
    size: int
    representative_media_id: uuid.UUID | None


@dataclass(frozen=True)
class QueuedItem:
    """An item with the texts and groups that pages show."""

    kind: str
    subject: str
    urgency: float
    figures: dict[str, float]
    media_id: uuid.UUID | None
    title: str | None
    shown_title: str | None
    caption: str | None
    cluster: ClusterInItem
    other_cluster: ClusterInItem | None


@dataclass(frozen=True)
class RefreshState:
    """When the queue was last computed, and whether it is outdated."""

    refreshed_at: datetime | None
    is_stale: bool
    media_count: int


def lock_review(session: Session) -> None:
    """Take the lock that protects items and decisions, until the end of the transaction."""
    session.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def list_member_facts(session: Session, space_id: int) -> list[MemberFacts]:
    """All memberships of a space. Reads all vectors, so it is for refreshing, not for serving."""
    rows = fetch_arrays(session, _SQL("list_member_facts"), {"space_id": space_id})
    return [MemberFacts(**row._asdict()) for row in rows]


def load_open_centroids(session: Session, space_id: int, dimension: int) -> OpenCentroids:
    rows = fetch_arrays(
        session,
        "SELECT cluster_id, member_count, centroid FROM centroid JOIN cluster ON cluster.id = cluster_id "
        "WHERE space_id = :space AND NOT locked ORDER BY cluster_id",
        {"space": space_id},
    )
    centroids = np.empty((len(rows), dimension), dtype=np.float32)
    for index, row in enumerate(rows):
        centroids[index] = row.centroid
    return OpenCentroids(
        np.array([row.cluster_id for row in rows], dtype=np.int64),
        np.array([row.member_count for row in rows], dtype=np.int64),
        centroids,
    )


def read_refresh_state(session: Session, space_id: int) -> RefreshState:
    row = session.execute(sa.text(_SQL("read_refresh_state")), {"space_id": space_id}).one()
    return RefreshState(row.refreshed_at, row.is_stale, int(row.media_count))


def is_refresh_due(session: Session, least_seconds: float) -> bool:
    """Whether the queue was computed at least `least_seconds` ago, and groups of the active space have changed since."""
    return bool(session.execute(sa.text(_SQL("is_refresh_due")), {"seconds": least_seconds}).scalar_one())


def replace_items(session: Session, space_id: int, centroid_version: int, items: Sequence[NewItem]) -> bool:
    """Replace all items. Returns False without changes if the stored queue is newer. Requires the lock (`lock_review`)."""
    stored = session.get(ReviewRefresh, space_id, populate_existing=True)
    if stored is not None and stored.centroid_version > centroid_version:
        return False
    session.execute(sa.delete(ReviewItem))
    if items:
        session.execute(
            sa.text(_SQL("insert_items")).bindparams(sa.bindparam("figures", type_=sa.ARRAY(JSONB))),
            {
                "kinds": [item.kind for item in items],
                "subjects": [item.subject for item in items],
                "urgencies": [item.urgency for item in items],
                "media_ids": [item.media_id for item in items],
                "cluster_ids": [item.cluster_id for item in items],
                "other_cluster_ids": [item.other_cluster_id for item in items],
                "figures": [dict(item.figures) for item in items],
            },
        )
    refresh = insert(ReviewRefresh).values(space_id=space_id, centroid_version=centroid_version)
    session.execute(
        refresh.on_conflict_do_update(
            index_elements=["space_id"], set_={"centroid_version": centroid_version, "refreshed_at": sa.func.now()}
        )
    )
    return True


def list_items(
    session: Session, space_id: int, kind: str, *, after: tuple[float, str] | None = None, limit: int
) -> list[QueuedItem]:
    """A page of items, most urgent first, without outdated ones. `after`: (urgency, subject) of the last item before it."""
    urgency, subject = after or (None, None)
    rows = session.execute(
        sa.text(_of_standing("list_items")),
        {"space_id": space_id, "kind": kind, "urgency": urgency, "subject": subject, "limit": limit, **_KINDS},
    )
    return [
        QueuedItem(
            row.kind,
            row.subject,
            row.urgency,
            row.figures,
            row.media_id,
            row.title,
            None if row.media_id is None else shown_title(row.title, row.caption, row.file_name),
            row.caption,
            ClusterInItem(row.cluster_id, row.label, row.size, row.representative_media_id),
            None
            if row.other_cluster_id is None
            else ClusterInItem(
                row.other_cluster_id, row.other_label, row.other_size, row.other_representative_media_id
            ),
        )
        for row in rows
    ]


def count_items(session: Session, space_id: int) -> dict[str, int]:
    """Number of items of each kind, without outdated ones."""
    rows = session.execute(sa.text(_of_standing("count_items")), {"space_id": space_id, **_KINDS})
    return {row.kind: row.size for row in rows}


def find_item(session: Session, space_id: int, kind: str, subject: str) -> ReviewItem | None:
    """An item of the queue; None if there is none or it is outdated."""
    named = {"space_id": space_id, "kind": kind, "subject": subject, **_KINDS}
    query = sa.select(ReviewItem).from_statement(sa.text(_of_standing("find_item")))
    item: ReviewItem | None = session.scalar(query, named)
    return item


def list_spreads(session: Session, cluster_ids: Collection[int], each: int) -> dict[int, list[float]]:
    """Cosines of up to `each` members of each group to its current centroid."""
    rows = session.execute(sa.text(_SQL("list_spreads")), {"cluster_ids": list(set(cluster_ids)), "each": each})
    spreads: dict[int, list[float]] = {cluster_id: [] for cluster_id in cluster_ids}
    for row in rows:
        spreads[row.cluster_id].append(float(row.similarity))
    return spreads


def list_checksums(session: Session, media_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, bytes]:
    """Checksums of stored originals."""
    rows = session.execute(
        sa.text("SELECT id, sha256 FROM media WHERE id = ANY(:ids) AND sha256 IS NOT NULL"), {"ids": list(media_ids)}
    )
    return {row.id: bytes(row.sha256) for row in rows}


def _of_standing(name: str) -> str:
    return _SQL(name).replace("{standing}", _SQL("standing"))


def list_remembered(session: Session, accepted_kinds: Collection[str]) -> dict[tuple[str, str], float]:
    """(kind, subject) of dismissed items, and of accepted ones of these kinds, with their urgency at that time."""
    rows = session.execute(
        sa.select(ReviewDecision.kind, ReviewDecision.subject, ReviewDecision.urgency).where(
            sa.or_(
                ReviewDecision.decision == "dismiss",
                sa.and_(ReviewDecision.decision == "accept", ReviewDecision.kind.in_(accepted_kinds)),
            )
        )
    )
    return {(row.kind, row.subject): row.urgency for row in rows}


def record_decision(session: Session, item: ReviewItem, decision: str, event_id: int | None, actor: str) -> None:
    """Record a decision, replacing an earlier one on the same subject, and delete the item. Requires the lock."""
    values: dict[str, Any] = {
        "decision": decision,
        "urgency": item.urgency,
        "media_id": item.media_id,
        "cluster_id": item.cluster_id,
        "other_cluster_id": item.other_cluster_id,
        "figures": item.figures,
        "event_id": event_id,
        "actor": actor,
    }
    remember = insert(ReviewDecision).values(kind=item.kind, subject=item.subject, **values)
    session.execute(
        remember.on_conflict_do_update(index_elements=["kind", "subject"], set_={**values, "created_at": sa.func.now()})
    )
    session.execute(sa.delete(ReviewItem).where(ReviewItem.kind == item.kind, ReviewItem.subject == item.subject))


def find_decision(session: Session, kind: str, subject: str) -> ReviewDecision | None:
    return session.get(ReviewDecision, (kind, subject))


def forget_decision(session: Session, decision: ReviewDecision) -> None:
    """Restore the item, and delete the decision. Requires the lock."""
    if decision.cluster_id is not None:
        item = insert(ReviewItem).values(
            kind=decision.kind,
            subject=decision.subject,
            urgency=decision.urgency,
            media_id=decision.media_id,
            cluster_id=decision.cluster_id,
            other_cluster_id=decision.other_cluster_id,
            figures=decision.figures or {},
        )
        session.execute(item.on_conflict_do_nothing(index_elements=["kind", "subject"]))
    session.execute(
        sa.delete(ReviewDecision).where(
            ReviewDecision.kind == decision.kind, ReviewDecision.subject == decision.subject
        )
    )
