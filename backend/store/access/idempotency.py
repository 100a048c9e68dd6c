"""Queries on idempotency keys: a request that is sent again gets the answer of the first one."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
import uuid_utils.compat
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.errors import IdempotencyInProgress, IdempotencyMismatch
from backend.store.schema import IdempotencyKey

KEPT_HOURS = 24


@dataclass(frozen=True)
class Claim:
    """The right to answer a key, until it runs out or is renewed; `media_id` is the same whoever holds it."""

    caller: str
    key: str
    token: uuid.UUID
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
    token = uuid.uuid4()
    until = _in(seconds)
    # Whoever holds it may release it between the two statements; then it is there to be taken.
    row = _insert_or_lock(session, caller, key, fingerprint, token, until) or _insert_or_lock(
        session, caller, key, fingerprint, token, until
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
    if found.claim_token != token:
        if row.is_held:
            raise _in_progress()
        # Whoever held it has died: its work is repeated, with the id that it would have given.
        session.execute(_row(caller, key).values(claim_token=token, claimed_until=until))
    return Claim(caller, key, token, found.media_id)


def _insert_or_lock(
    session: Session, caller: str, key: str, fingerprint: bytes, token: uuid.UUID, until: sa.ColumnElement[datetime]
) -> sa.Row[IdempotencyKey, bool] | None:
    """The row of a key, new or as it was, and whether it is held; None where the one that was in the way has gone."""
    session.execute(
        insert(IdempotencyKey)
        .values(
            caller=caller,
            key=key,
            fingerprint=fingerprint,
            media_id=uuid_utils.compat.uuid7(),
            claim_token=token,
            claimed_until=until,
        )
        .on_conflict_do_nothing()
    )
    return session.execute(
        sa.select(IdempotencyKey, (IdempotencyKey.claimed_until > sa.func.now()).label("is_held"))
        .where(IdempotencyKey.caller == caller, IdempotencyKey.key == key)
        .with_for_update()
    ).one_or_none()


def _in_progress() -> IdempotencyInProgress:
    return IdempotencyInProgress(
        "The request with this Idempotency-Key is still in progress.", hint="Try again in a few seconds."
    )


def renew_claim(session: Session, claim: Claim, *, seconds: float) -> None:
    """Hold a key for `seconds` from now; a claim that went to somebody else stays with them."""
    session.execute(
        _row(claim.caller, claim.key)
        .where(IdempotencyKey.claim_token == claim.token)
        .values(claimed_until=_in(seconds))
    )


def record_answer(session: Session, claim: Claim, status: int, answer: dict[str, Any]) -> None:
    """Keep the answer; one that comes after its claim went to somebody else is dropped."""
    session.execute(
        _row(claim.caller, claim.key)
        .where(IdempotencyKey.claim_token == claim.token)
        .values(status=status, answer=answer, claim_token=None, claimed_until=None)
    )


def release_key(session: Session, claim: Claim) -> None:
    """Forget a key whose request was refused or failed: sending it again is a new try."""
    session.execute(
        sa.delete(IdempotencyKey).where(
            IdempotencyKey.caller == claim.caller,
            IdempotencyKey.key == claim.key,
            IdempotencyKey.claim_token == claim.token,
        )
    )


def delete_old_keys(session: Session, *, caller: str | None = None, key: str | None = None) -> None:
    """Forget keys of more than KEPT_HOURS ago: all, or the one that is named."""
    query = sa.delete(IdempotencyKey).where(
        IdempotencyKey.created_at < sa.func.now() - sa.func.make_interval(0, 0, 0, 0, KEPT_HOURS)
    )
    if key is not None:
        query = query.where(IdempotencyKey.caller == caller, IdempotencyKey.key == key)
    session.execute(query)


def _in(seconds: float) -> sa.ColumnElement[datetime]:
    return sa.func.now() + sa.func.make_interval(0, 0, 0, 0, 0, 0, seconds)


def _row(caller: str, key: str) -> sa.Update:
    return sa.update(IdempotencyKey).where(IdempotencyKey.caller == caller, IdempotencyKey.key == key)
