"""The weight of the image side where a query names none, which a curator may have chosen."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend.store.schema import AlphaChoice, ClusterEvent, Space


def get_alpha(session: Session, default: float) -> float:
    """The newest choice that is not undone: for the active space, else for another one, else `default`.

    A change of model alone does not lose what a curator has chosen.
    """
    chosen = session.scalar(
        sa.select(AlphaChoice.alpha)
        .join(ClusterEvent, ClusterEvent.id == AlphaChoice.event_id)
        .join(Space, Space.id == AlphaChoice.space_id)
        .where(ClusterEvent.undone_by.is_(None))
        .order_by(Space.is_active.desc(), AlphaChoice.event_id.desc())
        .limit(1)
    )
    return default if chosen is None else chosen


def record_alpha(session: Session, event_id: int, space_id: int, alpha: float) -> None:
    """Let this alpha hold for as long as its event is not undone."""
    session.add(AlphaChoice(event_id=event_id, space_id=space_id, alpha=alpha))
    session.flush()
