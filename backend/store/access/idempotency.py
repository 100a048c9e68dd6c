"""Queries on idempotency keys: a request that is sent again gets the answer of the first one."""

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
    """The right to answer a key, until it runs out or is renewed; `media_id` is the same whoever holds it."""

    caller: str
    key: str
    lease: Lease
    media_id: uuid.UUID


@dataclass(frozen=True)
class RecordedAnswer:
    """What was answered: the HTTP status and the body."""

    status: int
    answer: dict[str, Any]


def claim_key(session: Session, caller: str, key: str, fingerprint: bytes, *, seconds: float) -> Claim | RecordedAnswer:
    """Take a key, or find what was answered. `fingerprint` stands for all that the request says.

    Raises:
        IdempotencyMismatch: the key was used for another request.
        IdempotencyInProgress: the first request is still being worked on.
    """
    delete_old_keys(session, caller=caller, key=key)
    lease = Lease.of(seconds)
    # Whoever holds it may release it between the two statements; then it is there to be taken.
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
        # Whoever held it has died: its work is repeated, with the id that it would have given.
        session.execute(
            sa.update(IdempotencyKey)
            .where(_is_named(caller, key))
            .values(lease_token=lease.token, lease_until=from_now(seconds))
        )
    return Claim(caller, key, lease, found.media_id)


def _insert_or_lock(
    session: Session, caller: str, key: str, fingerprint: bytes, lease: Lease
) -> sa.Row[IdempotencyKey, bool] | None:
    """The row of a key, new or as it was, and whether it is held; None where the one that was in the way has gone."""
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
    """Hold a key for another while; a claim that went to somebody else stays with them."""
    renew(session, IdempotencyKey, claim.lease, _is_named(claim.caller, claim.key))


def record_answer(session: Session, claim: Claim, status: int, answer: dict[str, Any]) -> None:
    """Keep the answer; one that comes after its claim went to somebody else is dropped."""
    session.execute(sa.update(IdempotencyKey).where(_is_claimed(claim)).values(status=status, answer=answer, **FREE))


def release_key(session: Session, claim: Claim) -> None:
    """Forget a key whose request was refused or failed: sending it again is a new try."""
    session.execute(sa.delete(IdempotencyKey).where(_is_claimed(claim)))


def delete_old_keys(session: Session, *, caller: str | None = None, key: str | None = None) -> None:
    """Forget keys of more than KEPT_HOURS ago: all, or the one that is named."""
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
