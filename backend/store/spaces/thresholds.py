"""Queries on the threshold of a space, which a curator can choose."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend.encoders import default_threshold
from backend.store.schema import ClusterEvent, Space, ThresholdChoice
from backend.store.spaces.spaces import get_active_space


def find_threshold(session: Session, space_id: int) -> float | None:
    """The threshold that was chosen for a space: the newest choice that is not undone; None where there is none."""
    return session.execute(_chosen(space_id)).scalar_one_or_none()


def get_threshold(session: Session, space_id: int | None, setting: float | None) -> float:
    """The threshold that media of this space are assigned at: the newest choice that is not undone, else that of the
    settings, else that of its preset. space_id: None before there is a space."""
    query = sa.select(Space.preset, _chosen(space_id).scalar_subquery().label("chosen")).where(Space.id == space_id)
    space = None if space_id is None else session.execute(query).one_or_none()
    if space is not None and space.chosen is not None:
        return float(space.chosen)
    return default_threshold(None if space is None else space.preset) if setting is None else setting


def get_active_threshold(session: Session, setting: float | None) -> float:
    """The threshold that uploads are assigned at. Raises NotFound where there is no active space."""
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
    """Record a choice. It applies until its event is undone."""
    session.add(ThresholdChoice(event_id=event_id, space_id=space_id, threshold=threshold))
    session.flush()
