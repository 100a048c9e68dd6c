"""Queries on login attempts and login links."""

import math
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, func, insert, literal, select, text
from sqlalchemy.orm import Session

from backend.store.schema import Account, LoginAttempt, LoginLink

ATTEMPTS = 5
WINDOW_SECONDS = 15 * 60


@dataclass(frozen=True)
class Attempt:
    """A login attempt, which counts as failed until it is deleted. `retry_after_seconds` is set instead if there were too many."""

    attempt_id: int | None
    retry_after_seconds: int | None


def claim_attempt(session: Session, account_name: str, network: str) -> Attempt:
    """Claim one of the attempts that an account and a network have in the window.

    It is claimed before the password is checked, one caller at a time, so that parallel attempts count too.
    """
    session.execute(text("LOCK TABLE login_attempt IN SHARE ROW EXCLUSIVE MODE"))
    oldest = func.now() - func.make_interval(0, 0, 0, 0, 0, 0, literal(WINDOW_SECONDS))
    session.execute(delete(LoginAttempt).where(LoginAttempt.attempted_at <= oldest))
    waits = [_wait(session, LoginAttempt.account_name == account_name), _wait(session, LoginAttempt.network == network)]
    if longest := max(waits):
        return Attempt(None, longest)
    made = session.execute(
        insert(LoginAttempt).values(account_name=account_name, network=network).returning(LoginAttempt.id)
    ).scalar_one()
    return Attempt(made, None)


def forget_attempt(session: Session, attempt_id: int) -> None:
    """Delete an attempt that succeeded."""
    session.execute(delete(LoginAttempt).where(LoginAttempt.id == attempt_id))


def insert_login_link(session: Session, account_id: int, token_sha256: bytes, *, seconds: float) -> None:
    session.execute(
        insert(LoginLink).values(
            account_id=account_id,
            token_sha256=token_sha256,
            expires_at=func.now() + func.make_interval(0, 0, 0, 0, 0, 0, literal(seconds)),
        )
    )


def take_login_link(session: Session, token_sha256: bytes) -> Account | None:
    """Consume a login link and return its account. If two requests use it at once, one gets None."""
    session.execute(delete(LoginLink).where(LoginLink.expires_at <= func.now()))
    account_id = session.execute(
        delete(LoginLink).where(LoginLink.token_sha256 == token_sha256).returning(LoginLink.account_id)
    ).scalar_one_or_none()
    return None if account_id is None else session.get(Account, account_id)


def _wait(session: Session, which: ColumnElement[bool]) -> int:
    """Seconds until another attempt is free, 0 if one is."""
    ages = session.execute(
        select(func.extract("epoch", func.now() - LoginAttempt.attempted_at))
        .where(which)
        .order_by(LoginAttempt.attempted_at.desc())
        .offset(ATTEMPTS - 1)
        .limit(1)
    ).scalar_one_or_none()
    return 0 if ages is None else max(1, math.ceil(WINDOW_SECONDS - float(ages)))
