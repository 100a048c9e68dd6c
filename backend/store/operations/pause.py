"""Queries on the pause: whether workers may claim, and who said not."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.store.schema import Pause


@dataclass(frozen=True)
class PauseState:
    """Since when nothing is claimed, and who said so."""

    actor: str
    paused_at: datetime


def find_pause(session: Session) -> PauseState | None:
    """None while work goes on."""
    row = session.execute(sa.select(Pause.actor, Pause.paused_at)).one_or_none()
    return None if row is None else PauseState(row.actor, row.paused_at)


def record_pause(session: Session, actor: str) -> bool:
    """Pause; False where it was paused already, which keeps its actor and time."""
    paused = session.execute(insert(Pause).values(actor=actor).on_conflict_do_nothing().returning(Pause.singleton))
    return paused.one_or_none() is not None


def forget_pause(session: Session) -> bool:
    """Go on; False where nothing was paused."""
    return session.execute(sa.delete(Pause).returning(Pause.singleton)).one_or_none() is not None
