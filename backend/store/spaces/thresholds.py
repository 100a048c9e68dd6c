"""Queries on thresholds. A curator can choose one for a space; the choice is an event, which can be undone."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend.encoders import default_threshold
from backend.store.schema import ClusterEvent, Space, ThresholdChoice
from backend.store.spaces.spaces import get_active_space


def find_threshold(session: Session, space_id: int) -> float | None:
    """The newest threshold chosen for a space whose event is not undone; None if there is none."""
    return session.execute(_chosen(space_id)).scalar_one_or_none()


def get_threshold(session: Session, space_id: int | None, setting: float | None) -> float:
    """The threshold that assigns pictures in a space: the chosen one, else `setting`, else the default of the space's preset.

    Args:
        session: a session.
        space_id: the space; None if none exists yet.
        setting: threshold of the settings, None if it is not set.
    """
    query = sa.select(Space.preset, _chosen(space_id).scalar_subquery().label("chosen")).where(Space.id == space_id)
    space = None if space_id is None else session.execute(query).one_or_none()
    if space is not None and space.chosen is not None:
        return float(space.chosen)
    return default_threshold(None if space is None else space.preset) if setting is None else setting


def get_active_threshold(session: Session, setting: float | None) -> float:
    """The threshold of the active space (see `get_threshold`). Raises NotFound if there is no active space."""
    return get_threshold(session, get_active_space(session).id, setting)


def _chosen(space_id: int | None) -> sa.Select[float]:
    return (
        sa.select(ThresholdChoice.threshold)
        .join(ClusterEvent, ClusterEvent.id == ThresholdChoice.event_id)
        .where(ThresholdChoice.space_id == space_id, ClusterEvent.undone_by.is_(None))
        .order_by(ThresholdChoice.event_id.desc())
        .limit(1)
    )


def record_threshold(session: Session, event_id: int, space_id: int, threshold: float) -> None:
    """Record the choice of a threshold. It applies until its event is undone."""
    session.add(ThresholdChoice(event_id=event_id, space_id=space_id, threshold=threshold))
    session.flush()
