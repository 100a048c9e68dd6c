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
    """Roles of accounts. A curator sees and changes groups and pictures. An admin also sees locations and runs the library."""

    CURATOR = "curator"
    ADMIN = "admin"


@dataclass(frozen=True)
class LiveSession:
    """A session that has not expired, with its account."""

    id: int
    account_id: int
    name: str
    role: Role


@dataclass(frozen=True)
class SessionRow:
    """A live session in a list."""

    id: int
    name: str
    created_at: datetime
    last_seen_at: datetime
    address: str
    user_agent: str


# --- accounts ------------------------------------------------------------------------------------------------


def insert_account(session: Session, name: str, role: Role, password_hash: str | None) -> Account:
    """Insert an account. Raises Conflict if the name is taken."""
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
    """The account with this name. Raises NotFound."""
    account = find_account(session, name)
    if account is None:
        raise NotFound(f"There is no account '{name}'.", hint="`mediacluster account list` shows all.")
    return account


def list_accounts(session: Session) -> list[Account]:
    """All accounts, by name."""
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
    """Delete an account with its sessions and login links."""
    session.execute(delete(Account).where(Account.id == account_id).execution_options(synchronize_session=False))


# --- sessions ------------------------------------------------------------------------------------------------


def insert_session(
    session: Session, account_id: int, token_sha256: bytes, *, seconds: float, address: str, user_agent: str
) -> int:
    """Insert a session and return its id. Also deletes expired sessions."""
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
    """The session with this hash, None if it has expired or was idle for too long."""
    row = session.execute(
        select(AccountSession.id, AccountSession.account_id, Account.name, Account.role)
        .join(Account, Account.id == AccountSession.account_id)
        .where(AccountSession.token_sha256 == token_sha256)
        .where(AccountSession.expires_at > func.now())
        .where(AccountSession.last_seen_at > func.now() - _seconds(idle_seconds))
    ).one_or_none()
    return None if row is None else LiveSession(row.id, row.account_id, row.name, Role(row.role))


def record_visit(session: Session, session_id: int) -> None:
    """Record that a session was used, at most once a minute, so that not every request writes."""
    session.execute(
        update(AccountSession)
        .where(AccountSession.id == session_id)
        .where(AccountSession.last_seen_at < text("now() - interval '1 minute'"))
        .values(last_seen_at=func.now())
        .execution_options(synchronize_session=False)
    )


def list_sessions(session: Session, *, idle_seconds: float, account_id: int | None = None) -> Sequence[SessionRow]:
    """Live sessions of one account or of all, last used first."""
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
    """Delete a session, which must belong to `account_id` if given. Returns the name of its account. Raises NotFound."""
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
    """Delete all sessions of an account except `but`. Returns how many."""
    query = delete(AccountSession).where(AccountSession.account_id == account_id)
    if but is not None:
        query = query.where(AccountSession.id != but)
    return len(session.execute(query.returning(AccountSession.id)).all())


def _seconds(seconds: float) -> ColumnElement[timedelta]:
    return func.make_interval(0, 0, 0, 0, 0, 0, literal(seconds))
