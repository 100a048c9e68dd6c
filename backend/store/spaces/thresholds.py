"""The threshold of a space, which a curator may have chosen."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend.store.schema import ClusterEvent, ThresholdChoice
from backend.store.spaces.spaces import get_active_space


def find_threshold(session: Session, space_id: int) -> float | None:
    """The threshold that was chosen for a space: the newest choice that is not undone; None where there is none."""
    return session.scalar(
        sa.select(ThresholdChoice.threshold)
        .join(ClusterEvent, ClusterEvent.id == ThresholdChoice.event_id)
        .where(ThresholdChoice.space_id == space_id, ClusterEvent.undone_by.is_(None))
        .order_by(ThresholdChoice.event_id.desc())
        .limit(1)
    )


def get_threshold(session: Session, space_id: int, default: float) -> float:
    """The threshold that media of this space are assigned at: the newest choice that is not undone, else `default`."""
    chosen = find_threshold(session, space_id)
    return default if chosen is None else chosen


def get_active_threshold(session: Session, default: float) -> float:
    """The threshold that uploads are assigned at. Raises NotFound where there is no active space."""
    return get_threshold(session, get_active_space(session).id, default)


def record_threshold(session: Session, event_id: int, space_id: int, threshold: float) -> None:
    """Let this threshold hold for as long as its event is not undone."""
    session.add(ThresholdChoice(event_id=event_id, space_id=space_id, threshold=threshold))
    session.flush()
