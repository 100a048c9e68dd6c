"""Queries on spaces."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from backend.db.tables import Space, SpaceState
from backend.errors import NotFound

_SPACE_LOCK = 0x6D63_0003


@dataclass(frozen=True)
class NewSpace:
    """What a space is made from: the names of both encoders, what they are and how long their vectors are."""

    name: str
    preset: str | None
    image_model: str
    image_checkpoint: str
    text_model: str
    image_fingerprint: str
    text_fingerprint: str
    image_dimension: int
    text_dimension: int
    description: dict[str, Any]


def lock_spaces(session: Session) -> None:
    """Let one process at a time make or change spaces, until the transaction ends."""
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SPACE_LOCK})


def find_active_space(session: Session) -> Space | None:
    return session.scalar(select(Space).where(Space.state == SpaceState.ACTIVE))


def get_active_space(session: Session) -> Space:
    """Raises NotFound before the first worker has started."""
    space = find_active_space(session)
    if space is None:
        raise NotFound("There is no active space yet.", hint="Start a worker: it makes the first one.")
    return space


def create_space(session: Session, new: NewSpace) -> Space:
    """Insert a space in state building, with its partition and indexes."""
    space = Space(**vars(new), state=SpaceState.BUILDING)
    session.add(space)
    session.flush()
    session.execute(
        text("SELECT create_space_storage(:id, :image, :text)"),
        {"id": space.id, "image": new.image_dimension, "text": new.text_dimension},
    )
    return space


def activate_space(session: Session, space: Space) -> None:
    """Make this space the active one and point the view `media_embedding` at it."""
    session.execute(update(Space).where(Space.state == SpaceState.ACTIVE).values(state=SpaceState.RETIRED))
    session.execute(text("UPDATE space SET state = 'active', activated_at = now() WHERE id = :id"), {"id": space.id})
    session.execute(
        text("SELECT publish_space(:id, :image, :text)"),
        {"id": space.id, "image": space.image_dimension, "text": space.text_dimension},
    )
    session.refresh(space)
