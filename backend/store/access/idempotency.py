"""Queries on idempotency keys, with which a repeated request gets the first response."""

import uuid
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
import uuid_utils.compat
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.errors import IdempotencyInProgress, IdempotencyMismatch
from backend.store.leases import FREE, Lease, from_now, is_free, is_held, renew
from backend.store.schema import IdempotencyKey

KEPT_HOURS = 24


@dataclass(frozen=True)
class Claim:
    """The right to answer a key, until it expires or is renewed. `media_id` is the same for every holder."""

    caller: str
    key: str
    lease: Lease
    media_id: uuid.UUID


@dataclass(frozen=True)
class RecordedAnswer:
    """A recorded response: HTTP status and body."""

    status: int
    answer: dict[str, Any]


def claim_key(session: Session, caller: str, key: str, fingerprint: bytes, *, seconds: float) -> Claim | RecordedAnswer:
    """Claim a key, or find its recorded response. `fingerprint` identifies the content of the request.

    Raises:
        IdempotencyMismatch: the key was used for a different request.
        IdempotencyInProgress: the first request is still running.
    """
    delete_old_keys(session, caller=caller, key=key)
    lease = Lease.of(seconds)
    # The holder may release the key between the two statements. Then the second insert succeeds.
    row = _insert_or_lock(session, caller, key, fingerprint, lease) or _insert_or_lock(
        session, caller, key, fingerprint, lease
    )
    if row is None:
        raise _in_progress()
    found: IdempotencyKey = row.IdempotencyKey
    if found.fingerprint != fingerprint:
        raise IdempotencyMismatch(
            "This Idempotency-Key was already used for a different request.", hint="Use a new key for each new request."
        )
    if found.status is not None and found.answer is not None:
        return RecordedAnswer(found.status, found.answer)
    if found.lease_token != lease.token:
        if row.is_held:
            raise _in_progress()
        # The previous holder died. Its work is repeated with the same id.
        session.execute(
            sa.update(IdempotencyKey)
            .where(_is_named(caller, key))
            .values(lease_token=lease.token, lease_until=from_now(seconds))
        )
    return Claim(caller, key, lease, found.media_id)


def _insert_or_lock(
    session: Session, caller: str, key: str, fingerprint: bytes, lease: Lease
) -> sa.Row[IdempotencyKey, bool] | None:
    """Insert the key, or lock its row. Returns the row and whether it is held. None if the conflicting row disappeared."""
    session.execute(
        insert(IdempotencyKey)
        .values(
            caller=caller,
            key=key,
            fingerprint=fingerprint,
            media_id=uuid_utils.compat.uuid7(),
            lease_token=lease.token,
            lease_until=from_now(lease.seconds),
        )
        .on_conflict_do_nothing()
    )
    return session.execute(
        sa.select(IdempotencyKey, sa.not_(is_free(IdempotencyKey)).label("is_held"))
        .where(_is_named(caller, key))
        .with_for_update()
    ).one_or_none()


def _in_progress() -> IdempotencyInProgress:
    return IdempotencyInProgress(
        "The request with this Idempotency-Key is still in progress.", hint="Try again in a few seconds."
    )


def renew_claim(session: Session, claim: Claim) -> None:
    """Extend a claim. Does nothing if another process took it over."""
    renew(session, IdempotencyKey, claim.lease, _is_named(claim.caller, claim.key))


def record_answer(session: Session, claim: Claim, status: int, answer: dict[str, Any]) -> None:
    """Record the response. Does nothing if another process took over the claim."""
    session.execute(sa.update(IdempotencyKey).where(_is_claimed(claim)).values(status=status, answer=answer, **FREE))


def release_key(session: Session, claim: Claim) -> None:
    """Delete a key whose request was refused or failed, so that a repeat is a new attempt."""
    session.execute(sa.delete(IdempotencyKey).where(_is_claimed(claim)))


def delete_old_keys(session: Session, *, caller: str | None = None, key: str | None = None) -> None:
    """Delete keys older than KEPT_HOURS: all, or the named one."""
    query = sa.delete(IdempotencyKey).where(
        IdempotencyKey.created_at < sa.func.now() - sa.func.make_interval(0, 0, 0, 0, KEPT_HOURS)
    )
    if caller is not None and key is not None:
        query = query.where(_is_named(caller, key))
    session.execute(query)


def _is_named(caller: str, key: str) -> sa.ColumnElement[bool]:
    return sa.and_(IdempotencyKey.caller == caller, IdempotencyKey.key == key)


def _is_claimed(claim: Claim) -> sa.ColumnElement[bool]:
    return sa.and_(_is_named(claim.caller, claim.key), is_held(IdempotencyKey, claim.lease))
