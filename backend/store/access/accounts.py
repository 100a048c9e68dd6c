"""Queries on accounts and their sessions."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.errors import Conflict, NotFound
from backend.store.schema import Account, AccountSession


class Role(enum.StrEnum):
    """curator: sees and changes groups and pictures; admin: also places (GPS), and runs the library."""

    CURATOR = "curator"
    ADMIN = "admin"


@dataclass(frozen=True)
class LiveSession:
    """A session that has not expired, with whose it is."""

    id: int
    account_id: int
    name: str
    role: Role


@dataclass(frozen=True)
class SessionRow:
    """A live session as it is listed."""

    id: int
    name: str
    created_at: datetime
    last_seen_at: datetime
    address: str
    user_agent: str


# --- accounts ------------------------------------------------------------------------------------------------


def insert_account(session: Session, name: str, role: Role, password_hash: str | None) -> Account:
    """Raises Conflict where the name is taken."""
    made: Account | None = session.scalar(
        insert(Account)
        .values(name=name, role=role.value, password_hash=password_hash)
        .on_conflict_do_nothing(index_elements=["name"])
        .returning(Account)
    )
    if made is None:
        raise Conflict(f"An account named '{name}' already exists.", hint="`mediacluster account list` shows all.")
    return made


def find_account(session: Session, name: str) -> Account | None:
    return session.scalar(select(Account).where(Account.name == name))


def get_account(session: Session, name: str) -> Account:
    """Raises NotFound."""
    account = find_account(session, name)
    if account is None:
        raise NotFound(f"There is no account '{name}'.", hint="`mediacluster account list` shows all.")
    return account


def list_accounts(session: Session) -> list[Account]:
    """By name."""
    return list(session.scalars(select(Account).order_by(Account.name)))


def change_password(session: Session, account_id: int, password_hash: str) -> None:
    session.execute(
        update(Account)
        .where(Account.id == account_id)
        .values(password_hash=password_hash, password_changed_at=func.now())
        .execution_options(synchronize_session=False)
    )


def record_login(session: Session, account_id: int) -> None:
    session.execute(
        update(Account)
        .where(Account.id == account_id)
        .values(last_login_at=func.now())
        .execution_options(synchronize_session=False)
    )


def delete_account(session: Session, account_id: int) -> None:
    """Its sessions and login links go with it."""
    session.execute(delete(Account).where(Account.id == account_id).execution_options(synchronize_session=False))


# --- sessions ------------------------------------------------------------------------------------------------


def insert_session(
    session: Session, account_id: int, token_sha256: bytes, *, seconds: float, address: str, user_agent: str
) -> int:
    """Returns the id. What has expired is removed on the way."""
    session.execute(delete(AccountSession).where(AccountSession.expires_at <= func.now()))
    return session.execute(
        insert(AccountSession)
        .values(
            account_id=account_id,
            token_sha256=token_sha256,
            expires_at=func.now() + _seconds(seconds),
            address=address,
            user_agent=user_agent,
        )
        .returning(AccountSession.id)
    ).scalar_one()


def find_live_session(session: Session, token_sha256: bytes, *, idle_seconds: float) -> LiveSession | None:
    """The session with this hash, unless it has expired or was idle for too long."""
    row = session.execute(
        select(AccountSession.id, AccountSession.account_id, Account.name, Account.role)
        .join(Account, Account.id == AccountSession.account_id)
        .where(AccountSession.token_sha256 == token_sha256)
        .where(AccountSession.expires_at > func.now())
        .where(AccountSession.last_seen_at > func.now() - _seconds(idle_seconds))
    ).one_or_none()
    return None if row is None else LiveSession(row.id, row.account_id, row.name, Role(row.role))


def record_visit(session: Session, session_id: int) -> None:
    """Note that a session was used: at most once a minute, since every request would write otherwise."""
    session.execute(
        update(AccountSession)
        .where(AccountSession.id == session_id)
        .where(AccountSession.last_seen_at < text("now() - interval '1 minute'"))
        .values(last_seen_at=func.now())
        .execution_options(synchronize_session=False)
    )


def list_sessions(session: Session, *, idle_seconds: float, account_id: int | None = None) -> Sequence[SessionRow]:
    """Live ones, the last seen first; of one account or of all."""
    query = (
        select(
            AccountSession.id,
            Account.name,
            AccountSession.created_at,
            AccountSession.last_seen_at,
            AccountSession.address,
            AccountSession.user_agent,
        )
        .join(Account, Account.id == AccountSession.account_id)
        .where(AccountSession.expires_at > func.now())
        .where(AccountSession.last_seen_at > func.now() - _seconds(idle_seconds))
        .order_by(AccountSession.last_seen_at.desc(), AccountSession.id.desc())
    )
    if account_id is not None:
        query = query.where(AccountSession.account_id == account_id)
    return [SessionRow(**row._asdict()) for row in session.execute(query)]


def delete_session(session: Session, session_id: int, *, account_id: int | None = None) -> str:
    """End a session (of this account, where one is named); returns whose it was. Raises NotFound."""
    query = delete(AccountSession).where(AccountSession.id == session_id)
    if account_id is not None:
        query = query.where(AccountSession.account_id == account_id)
    owner = session.execute(query.returning(AccountSession.account_id)).scalar_one_or_none()
    if owner is None:
        raise NotFound(f"There is no session {session_id}.", hint="It may have ended already.")
    return session.execute(select(Account.name).where(Account.id == owner)).scalar_one()


def delete_session_by_token(session: Session, token_sha256: bytes) -> None:
    session.execute(delete(AccountSession).where(AccountSession.token_sha256 == token_sha256))


def delete_sessions(session: Session, account_id: int, *, but: int | None = None) -> int:
    """End all sessions of an account, but perhaps one; returns how many."""
    query = delete(AccountSession).where(AccountSession.account_id == account_id)
    if but is not None:
        query = query.where(AccountSession.id != but)
    return len(session.execute(query.returning(AccountSession.id)).all())


def _seconds(seconds: float) -> ColumnElement[timedelta]:
    return func.make_interval(0, 0, 0, 0, 0, 0, literal(seconds))
