"""Queries on spaces."""

from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from backend.errors import Conflict, NotFound
from backend.store.schema import Space, SpaceState

_SPACE_LOCK = 0x6D63_0003


@dataclass(frozen=True)
class NewSpace:
    """Properties of a new space: names, identities and dimensions of both encoders."""

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
    """Take the lock for creating or changing spaces, until the transaction ends."""
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SPACE_LOCK})


def has_library(session: Session) -> bool:
    """Whether the schema exists. The first import creates it."""
    return bool(session.scalar(text("SELECT to_regclass('space') IS NOT NULL")))


def find_active_space(session: Session) -> Space | None:
    return session.scalar(select(Space).where(Space.is_active))


def get_active_space(session: Session) -> Space:
    """The active space. Raises NotFound before the first worker has started."""
    space = find_active_space(session)
    if space is None:
        raise NotFound("There is no active space yet.", hint="Start a worker: it creates the first space.")
    return space


def list_spaces(session: Session) -> list[Space]:
    """All spaces except dropped ones, in order of creation."""
    return list(session.scalars(select(Space).where(Space.state != SpaceState.DROPPED).order_by(Space.id)))


def get_space(session: Session, name: str) -> Space:
    """The space with this name. Raises NotFound."""
    space = session.scalar(select(Space).where(Space.name == name, Space.state != SpaceState.DROPPED))
    if space is None:
        raise NotFound(f"There is no space '{name}'.", hint="`mediacluster space list` lists them.")
    return space


def find_previous_space(session: Session) -> Space | None:
    """The space that was active before the current one, if it still exists."""
    query = select(Space).where(Space.state == SpaceState.RETIRED, Space.activated_at.is_not(None))
    return session.scalar(query.order_by(Space.activated_at.desc(), Space.id.desc()).limit(1))


def hold_active_space(session: Session) -> Space | None:
    """The active space. It stays active until the transaction ends, because activation waits for this lock."""
    session.execute(text("LOCK TABLE media_embedding IN ACCESS SHARE MODE"))
    return find_active_space(session)


def announce_space(session: Session, name: str) -> None:
    """Notify listeners on `mediacluster_space` when the transaction commits."""
    session.execute(text("SELECT pg_notify('mediacluster_space', :name)"), {"name": name})


def limit_lock_waits(session: Session, seconds: float) -> None:
    """Limit how long statements of this transaction wait for locks, so that they do not hold up others behind them.

    They then raise TransactionConflict (through `Database.transaction`), and may be retried.
    """
    session.execute(text("SELECT set_config('lock_timeout', :limit, true)"), {"limit": f"{int(seconds * 1000)}ms"})


def drop_space(session: Session, space: Space) -> None:
    """Delete everything computed in a space: vectors, centroids, figures, backgrounds, reports. Its row stays, because decisions refer to
    it."""
    for table in (
        *("space_fill_item", "space_fill", "encoder_holder", "membership_figures", "centroid", "background"),
        *("label_statistics", "review_refresh", "recall_audit", "quality_report"),
    ):
        session.execute(text(f"DELETE FROM {table} WHERE space_id = :id"), {"id": space.id})  # noqa: S608 - names of ours
    session.execute(
        text("UPDATE near_duplicate SET space_id = NULL, keeper_media_id = NULL WHERE space_id = :id"), {"id": space.id}
    )
    session.execute(text(f"DROP TABLE embedding_{int(space.id)}"))
    space.state = SpaceState.DROPPED
    session.flush()


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
    """Activate this space, and point the view `media_embedding` at it.

    Raises:
        Conflict: others made views of `media_embedding`, whose columns change their types.
    """
    session.execute(update(Space).where(Space.is_active).values(state=SpaceState.RETIRED))
    session.execute(
        text("UPDATE space SET state = :active, activated_at = now() WHERE id = :id"),
        {"active": SpaceState.ACTIVE.value, "id": space.id},
    )
    try:
        session.execute(
            text("SELECT publish_space(:id, :image, :text)"),
            {"id": space.id, "image": space.image_dimension, "text": space.text_dimension},
        )
    except DBAPIError as error:
        if not isinstance(error.orig, psycopg.errors.DependentObjectsStillExist):
            raise
        raise Conflict(
            f"The vectors of another space cannot be published: {error.orig.diag.message_detail}",
            hint="Drop these views, and make them again afterwards. A view that reads `media` and calls `similar_media` can stay.",
        ) from error
    session.refresh(space)
