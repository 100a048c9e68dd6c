"""Queries on the filling of spaces: items to embed, leased to workers, and failures."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.errors import Quarantined
from backend.files.text import MediaText
from backend.store.arrays import fetch_arrays, is_among
from backend.store.leases import FREE, Lease, from_now, hand_back_one, is_free, is_held
from backend.store.media import record_unfillable
from backend.store.schema import Embedding, Space, SpaceFill, SpaceFillItem
from backend.store.statements import Statements
from backend.store.titles import with_shown_title

_SQL = Statements(__file__)


@dataclass(frozen=True)
class FillItem:
    """A leased picture to embed into a space. Without an original, that is impossible. `is_embedded` means that the space has its image
    vector, and only its text vectors are to be updated."""

    media_id: uuid.UUID
    original_key: str | None
    text: MediaText
    ocr_text: str
    attempts: int
    is_embedded: bool


@dataclass(frozen=True)
class FillCounts:
    """Progress of a space: pictures with vectors, waiting and failed, and all pictures embedded in any space."""

    embedded: int
    waiting: int
    failed: int
    media: int


@dataclass(frozen=True)
class FailedItem:
    """A picture that could not be embedded into a space."""

    media_id: uuid.UUID
    title: str
    shown_title: str
    error_code: str
    error_detail: str


def find_fill(session: Session, space_id: int) -> SpaceFill | None:
    """The fill of a space, None if it is not being filled."""
    return session.get(SpaceFill, space_id, populate_existing=True)


def start_fill(session: Session, space_id: int, actor: str) -> SpaceFill:
    """Start to fill a space. A pause is kept. The row is locked until the transaction ends."""
    session.execute(insert(SpaceFill).values(space_id=space_id, actor=actor).on_conflict_do_nothing())
    query = sa.select(SpaceFill).where(SpaceFill.space_id == space_id).with_for_update()
    return session.execute(query, execution_options={"populate_existing": True}).scalar_one()


def record_fill_paused(session: Session, space_id: int) -> bool:
    """Pause filling of a space. Returns False if it was already paused."""
    paused = session.execute(
        sa.update(SpaceFill)
        .where(SpaceFill.space_id == space_id, SpaceFill.paused_at.is_(None))
        .values(paused_at=sa.func.now())
        .returning(SpaceFill.space_id)
    )
    return paused.one_or_none() is not None


def record_fill_problem(session: Session, space_id: int, problem: str | None) -> None:
    """Record why a worker cannot fill a space, or None once one can. Does not write if nothing changes."""
    session.execute(
        sa.update(SpaceFill)
        .where(SpaceFill.space_id == space_id, SpaceFill.problem.is_distinct_from(problem))
        .values(problem=problem)
    )


def queue_missing(session: Session, space_id: int) -> int:
    """Queue all pictures without vectors in the space. Returns how many are new. May be repeated at any time."""
    result = session.execute(sa.text(_SQL("queue_missing")), {"space_id": space_id})
    return int(result.rowcount)  # type: ignore[attr-defined]


def queue_elsewhere(session: Session, space_id: int | None, media_ids: Sequence[uuid.UUID]) -> int:
    """Queue pictures for all filled spaces except `space_id`, into which they are being embedded now. Failed items are retried. A worker
    that holds such an item loses it, because it may have read the old text."""
    if not media_ids:
        return 0
    return _queue(session, "space_fill.space_id IS DISTINCT FROM :space", {"ids": list(media_ids), "space": space_id})


def embed_again_elsewhere(session: Session, space_id: int, media_ids: Sequence[uuid.UUID]) -> int:
    """Drop the vectors of pictures from each other space that is kept up, and queue them there; returns how many."""
    if not media_ids:
        return 0
    kept_up = sa.select(SpaceFill.space_id).where(SpaceFill.space_id != space_id)
    session.execute(
        sa.delete(Embedding).where(is_among(Embedding.media_id, media_ids), Embedding.space_id.in_(kept_up))
    )
    return queue_elsewhere(session, space_id, media_ids)


def queue_words(session: Session, media_id: uuid.UUID) -> int:
    """Queue a picture for all filled spaces that have its vectors, to update its text vectors only."""
    has_vectors = (
        "EXISTS (SELECT FROM embedding WHERE embedding.space_id = space_fill.space_id AND embedding.media_id = new.id)"
    )
    return _queue(session, has_vectors, {"ids": [media_id]})


def _queue(session: Session, which: str, parameters: dict[str, Any]) -> int:
    result = session.execute(sa.text(_SQL("queue").replace("{which}", which)), parameters)
    return int(result.rowcount)  # type: ignore[attr-defined]


def retry_items(session: Session, space_id: int) -> int:
    """Queue failed items again. Returns how many."""
    retried = session.execute(
        sa.update(SpaceFillItem)
        .where(SpaceFillItem.space_id == space_id, SpaceFillItem.error_code.is_not(None))
        .values(error_code=None, error_detail=None, attempts=0, next_attempt_at=sa.func.now())
        .returning(SpaceFillItem.media_id)
    )
    return len(retried.all())


def find_space_to_fill(session: Session) -> Space | None:
    """The space whose turn it is: not paused, within its rate, and with items to claim. The active space comes first, those with a problem
    last. Its row of `space_fill` is locked until the transaction ends.
    """
    claimable = (
        sa.select(SpaceFillItem.media_id)
        .where(
            SpaceFillItem.space_id == SpaceFill.space_id,
            SpaceFillItem.error_code.is_(None),
            SpaceFillItem.next_attempt_at <= sa.func.now(),
            is_free(SpaceFillItem),
        )
        .exists()
    )
    return session.scalars(
        sa.select(Space)
        .join(SpaceFill, SpaceFill.space_id == Space.id)
        .where(SpaceFill.paused_at.is_(None), SpaceFill.next_claim_at <= sa.func.now(), claimable)
        # A space whose encoders cannot be loaded must not keep others waiting.
        .order_by(Space.is_active.desc(), SpaceFill.problem.is_not(None), Space.id)
        .limit(1)
        .with_for_update(of=SpaceFill)
    ).one_or_none()


def claim_items(session: Session, space_id: int, lease: Lease, *, limit: int, max_attempts: int) -> list[FillItem]:
    """Lease up to `limit` items, oldest first, and delay the next claim by the rate of the space."""
    rows = fetch_arrays(
        session,
        _SQL("claim_items"),
        {
            "space_id": space_id,
            "lease_token": lease.token,
            "lease_seconds": lease.seconds,
            "limit": limit,
            "max_attempts": max_attempts,
        },
    )
    session.execute(
        sa.text(
            "UPDATE space_fill SET next_claim_at = now() + make_interval(secs => 60 * :claimed / rate_per_minute) "
            "WHERE space_id = :space AND rate_per_minute IS NOT NULL"
        ),
        {"space": space_id, "claimed": len(rows)},
    )
    claimed = [
        FillItem(
            media_id=row.id,
            original_key=row.original_key,
            text=MediaText.of(row),
            ocr_text=row.ocr_text,
            attempts=row.attempts,
            is_embedded=row.is_embedded,
        )
        for row in rows
    ]
    return sorted(claimed, key=lambda item: item.media_id)


def finish_items(
    session: Session, space_id: int, media_ids: Sequence[uuid.UUID], lease: Lease
) -> tuple[set[uuid.UUID], set[uuid.UUID]]:
    """Delete items that still belong to this lease. Returns them, and those among them that already have vectors in the space, of which
    only the text vectors are to be replaced."""
    kept = set(
        session.execute(
            sa.delete(SpaceFillItem)
            .where(
                SpaceFillItem.space_id == space_id,
                is_among(SpaceFillItem.media_id, media_ids),
                is_held(SpaceFillItem, lease),
            )
            .returning(SpaceFillItem.media_id)
        ).scalars()
    )
    there = session.execute(
        sa.text("SELECT media_id FROM embedding WHERE space_id = :space AND media_id = ANY(:ids)"),
        {"space": space_id, "ids": list(kept)},
    )
    return kept, set(there.scalars())


def fail_item(session: Session, space_id: int, media_id: uuid.UUID, lease: Lease, code: str, detail: str) -> None:
    """Mark an item as failed. Does nothing if another worker holds it."""
    item = sa.update(SpaceFillItem).where(_is_item(space_id, media_id), is_held(SpaceFillItem, lease))
    _give_up(session, item, code, detail)


def release_item(
    session: Session, space_id: int, media_id: uuid.UUID, lease: Lease, *, retry_seconds: float, reason: str
) -> None:
    """Release an item after an attempt that counts. Does nothing if another worker holds it."""
    hand_back_one(
        session, SpaceFillItem, _is_item(space_id, media_id), lease, retry_seconds=retry_seconds, reason=reason
    )


def drop_items(session: Session, space_id: int, media_ids: Sequence[uuid.UUID]) -> None:
    """Remove pictures from the queue of a space, whatever their state."""
    session.execute(
        sa.delete(SpaceFillItem).where(SpaceFillItem.space_id == space_id, is_among(SpaceFillItem.media_id, media_ids))
    )


def quarantine_items(session: Session, max_attempts: int) -> int:
    """Fail items that used up their attempts without a result, because their workers died. Returns how many."""
    detail = f"All {max_attempts} attempts ended without a result. The file may crash or stall the decoder."
    used_up = sa.update(SpaceFillItem).where(
        SpaceFillItem.error_code.is_(None),
        SpaceFillItem.attempts >= max_attempts,
        is_free(SpaceFillItem),
    )
    return _give_up(session, used_up, Quarantined.code, detail)


def _give_up(session: Session, which: sa.Update, code: str, detail: str) -> int:
    """Fail items. Pictures that were waiting for a group when their space stopped being active fail too."""
    values = {"error_code": code, "error_detail": detail, **FREE}
    given_up = session.execute(which.values(**values).returning(SpaceFillItem.space_id, SpaceFillItem.media_id)).all()
    if given_up:
        record_unfillable(session, [(row.space_id, row.media_id) for row in given_up], code, detail)
    return len(given_up)


def count_unready(session: Session, space_id: int, *, grouped: bool = False) -> int:
    """Number of pictures without vectors in a space, or with outdated text vectors. `grouped` counts grouped pictures only."""
    counted = session.execute(sa.text(_SQL("count_unready")), {"space": space_id, "grouped": grouped})
    return int(counted.scalar_one())


def close_gaps(session: Session, space_id: int, seconds: float | None) -> None:
    """For `seconds`, keep the assigner from pictures that are not in this space. None ends that."""
    _set_until(session, space_id, "closing_until", seconds)


def want_encoders(session: Session, space_id: int, seconds: float | None) -> None:
    """For `seconds`, make processes load the encoders of a space. None ends that."""
    _set_until(session, space_id, "wanted_until", seconds)


def _set_until(session: Session, space_id: int, column: str, seconds: float | None) -> None:
    until = None if seconds is None else from_now(seconds)
    session.execute(sa.update(SpaceFill).where(SpaceFill.space_id == space_id).values({column: until}))


def take_abandoned_changes(session: Session) -> bool:
    """Whether an activation was abandoned by a dead process. Clears the marks, so that this is reported once. Reports nothing while
    another activation is running."""
    abandoned = session.execute(
        sa.text(
            "UPDATE space_fill SET wanted_until = NULL, closing_until = NULL WHERE wanted_until <= now() "
            "AND NOT EXISTS (SELECT FROM space_fill WHERE wanted_until > now()) RETURNING space_id"
        )
    )
    return bool(abandoned.all())


def record_comparison(session: Session, space_id: int, comparison: dict[str, Any]) -> None:
    """Store the comparison of a space with the active one."""
    session.execute(
        sa.update(SpaceFill)
        .where(SpaceFill.space_id == space_id)
        .values(comparison=comparison, compared_at=sa.func.now())
    )


def list_kept_up(session: Session) -> list[int]:
    """Ids of spaces that are filled and not paused."""
    return list(session.scalars(sa.select(SpaceFill.space_id).where(SpaceFill.paused_at.is_(None))))


def count_waiting_items(session: Session, space_id: int) -> int:
    """Number of pictures waiting to be embedded into a space."""
    query = sa.select(sa.func.count()).where(SpaceFillItem.space_id == space_id, SpaceFillItem.error_code.is_(None))
    return session.execute(query).scalar_one()


def count_waiting_words(session: Session, media_ids: Sequence[uuid.UUID]) -> int:
    """How many of these media have words that are still to be embedded into the active space."""
    query = sa.select(sa.func.count()).where(
        is_among(SpaceFillItem.media_id, media_ids),
        SpaceFillItem.space_id.in_(sa.select(Space.id).where(Space.is_active)),
        SpaceFillItem.error_code.is_(None),
    )
    return session.execute(query).scalar_one()


def count_waiting_by_space(session: Session) -> dict[str, int]:
    """Number of pictures waiting to be embedded, by name of the space."""
    return _count_by_space(session, SpaceFillItem.error_code.is_(None))


def count_failed_by_space(session: Session) -> dict[str, int]:
    """Number of pictures that could not be embedded, by name of the space."""
    return _count_by_space(session, SpaceFillItem.error_code.is_not(None))


def _count_by_space(session: Session, which: sa.ColumnElement[bool]) -> dict[str, int]:
    counted = sa.func.count(SpaceFillItem.media_id).filter(which)
    rows = session.execute(
        sa.select(Space.name, counted)
        .join(SpaceFill, SpaceFill.space_id == Space.id)
        .outerjoin(SpaceFillItem, SpaceFillItem.space_id == Space.id)
        .group_by(Space.name)
    )
    return dict(rows.all())


def count_items(session: Session) -> dict[int, FillCounts]:
    """Progress of each space by id."""
    rows = session.execute(sa.text(_SQL("count_items")))
    return {row.id: FillCounts(row.embedded, row.waiting, row.failed, row.media) for row in rows}


def list_failed_items(session: Session, space_id: int, limit: int) -> list[FailedItem]:
    """Pictures that could not be embedded into a space, oldest first."""
    rows = session.execute(sa.text(_SQL("list_failed")), {"space": space_id, "limit": limit})
    return [FailedItem(**with_shown_title(row)) for row in rows]


def _is_item(space_id: int, media_id: uuid.UUID) -> sa.ColumnElement[bool]:
    return sa.and_(SpaceFillItem.space_id == space_id, SpaceFillItem.media_id == media_id)
