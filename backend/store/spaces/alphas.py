"""Queries on the default weight of the image similarity, which a curator can choose."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend.store.schema import AlphaChoice, ClusterEvent, Space


def get_alpha(session: Session, default: float) -> float:
    """The latest choice that is not undone, for the active space or else for another one, otherwise `default`.

    So a change of model keeps a curator's choice.
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
    """Record a choice. It applies until its event is undone."""
    session.add(AlphaChoice(event_id=event_id, space_id=space_id, alpha=alpha))
    session.flush()
