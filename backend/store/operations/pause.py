"""Queries on the pause of processing."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.store.schema import Pause


@dataclass(frozen=True)
class PauseState:
    """Who paused processing, and when."""

    actor: str
    paused_at: datetime


def find_pause(session: Session) -> PauseState | None:
    """The pause, None if processing is not paused."""
    row = session.execute(sa.select(Pause.actor, Pause.paused_at)).one_or_none()
    return None if row is None else PauseState(row.actor, row.paused_at)


def record_pause(session: Session, actor: str) -> bool:
    """Pause processing. Returns False if it was already paused, by another actor or earlier."""
    paused = session.execute(insert(Pause).values(actor=actor).on_conflict_do_nothing().returning(Pause.singleton))
    return paused.one_or_none() is not None


def forget_pause(session: Session) -> bool:
    """End the pause. Returns False if there was none."""
    return session.execute(sa.delete(Pause).returning(Pause.singleton)).one_or_none() is not None
