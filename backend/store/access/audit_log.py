"""The audit log: what admins did, when, and from which address. A trigger makes it append-only."""

import enum
import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from sqlalchemy import ColumnElement, and_, func, insert, literal_column, select
from sqlalchemy.orm import Session

from backend.store.schema import AuditEntry

_asked_from: ContextVar[str | None] = ContextVar("asked_from", default=None)


class Act(enum.StrEnum):
    """Recorded actions, named `object.action`."""

    ACCOUNT_CREATED = "account.created"
    ACCOUNT_REMOVED = "account.removed"
    PASSWORD_CHANGED = "account.password_changed"  # noqa: S105 - no password
    LOGIN_SUCCEEDED = "login.succeeded"
    LOGIN_FAILED = "login.failed"
    LOGIN_LINK_MADE = "login_link.made"
    LOGGED_OUT = "session.ended"
    SESSION_REVOKED = "session.revoked"
    KEY_CREATED = "key.created"
    KEY_REVOKED = "key.revoked"
    WEBHOOK_CREATED = "webhook.created"
    WEBHOOK_DELETED = "webhook.deleted"
    MEDIA_DELETED = "media.deleted"
    MEDIA_REWRITTEN = "media.rewritten"
    MEDIA_REFRESHED = "media.refreshed"
    MEDIA_RETRIED = "media.retried"
    ALPHA_CHOSEN = "alpha.chosen"
    HIT_JUDGED = "hit.judged"
    THRESHOLD_CHOSEN = "threshold.chosen"
    PROCESSING_PAUSED = "processing.paused"
    PROCESSING_RESUMED = "processing.resumed"
    SPACE_WORK_ASKED = "space.work_asked"
    SPACE_CREATED = "space.created"
    SPACE_FILL_STARTED = "space.fill_started"
    SPACE_FILL_PAUSED = "space.fill_paused"
    SPACE_MEDIA_SET_ASIDE = "space.media_set_aside"
    SPACE_ACTIVATED = "space.activated"
    SPACE_DROPPED = "space.dropped"
    LIBRARY_BACKED_UP = "library.backed_up"
    LIBRARY_RESTORED = "library.restored"
    LIBRARY_REPAIRED = "library.repaired"
    LIBRARY_REFRESHED = "library.refreshed"
    LIBRARY_EXPORTED = "library.exported"


@contextmanager
def asked_from(address: str) -> Iterator[None]:
    """Record this address for actions in the block."""
    token = _asked_from.set(address)
    try:
        yield
    finally:
        _asked_from.reset(token)


def record_act(session: Session, actor: str, act: Act, subject: str, **details: Any) -> None:
    """Record an action in the transaction that performs it. `details` must not contain secrets."""
    session.execute(
        insert(AuditEntry).values(
            actor=actor, act=act.value, subject=subject, details=details, address=_asked_from.get() or _command_line()
        )
    )


def list_rewritten_fields(session: Session, media_id: str) -> set[str]:
    """The fields of a picture's text that somebody has edited, whatever they say now."""
    acts = select(AuditEntry.details).where(_is_rewritten(media_id))
    return {field for details in session.scalars(acts) for field in details.get("fields", ())}


def count_rewrites(session: Session, media_id: str) -> int:
    """How often somebody has edited the text of a picture."""
    return session.execute(select(func.count()).where(_is_rewritten(media_id))).scalar_one()


def _is_rewritten(media_id: str) -> ColumnElement[bool]:
    # The act as a literal, as the index has it.
    rewritten = AuditEntry.act == literal_column(f"'{Act.MEDIA_REWRITTEN.value}'")
    return and_(rewritten, AuditEntry.subject == media_id)


def _command_line() -> str:
    """The address of actions that do not come over HTTP: the command line of this machine."""
    try:
        return f"command line of {getpass.getuser()}"
    except (KeyError, OSError):
        return "command line"


def list_acts(
    session: Session, *, limit: int, before_id: int | None = None, act: str | None = None
) -> list[AuditEntry]:
    """The newest actions first. `act` is a kind (`login`) or a single action (`login.failed`)."""
    query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(AuditEntry.id < before_id)
    if act is not None:
        query = query.where((AuditEntry.act == act) | AuditEntry.act.startswith(f"{act}.", autoescape=True))
    return list(session.scalars(query))
