"""Creation, listing and removal of spaces."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from backend.encoders import EncoderNames, load_encoders, resolve_encoders
from backend.errors import Conflict, InputError
from backend.features.services import Services, names_of_space
from backend.features.steps import describe_space
from backend.files.text import is_storable
from backend.store.access import Act, record_act
from backend.store.engine import Session
from backend.store.schema import Space
from backend.store.spaces import (
    FillCounts,
    count_items,
    create_space,
    drop_space,
    find_active_space,
    find_fill,
    find_threshold,
    get_active_space,
    get_space,
    limit_lock_waits,
    list_spaces,
    lock_spaces,
)

_LOCK_SECONDS = 5.0
_MOST_NAME = 60


@dataclass(frozen=True)
class SpaceStanding:
    """State of a space.

    Attributes:
        id: its id.
        name: its name.
        state: its state.
        preset: preset of its encoders, None if none.
        image_model: its image model.
        text_model: its text model.
        image_dimension: dimension of image vectors.
        text_dimension: dimension of text vectors.
        created_at: when it was created.
        activated_at: when it was last activated, None if never.
        counts: progress of filling.
        threshold: threshold chosen for it, None if none.
        kept_up: whether it is being filled.
        paused: whether filling is paused.
        rate_per_minute: limit of filling, None if none.
        problem: why workers cannot fill it, None if they can.
        comparison: last comparison with the active space, None if none.
        compared_at: when that was.
        description: stored description of its encoders.
    """

    id: int
    name: str
    state: str
    preset: str | None
    image_model: str
    text_model: str
    image_dimension: int
    text_dimension: int
    created_at: datetime
    activated_at: datetime | None
    counts: FillCounts
    threshold: float | None
    kept_up: bool
    paused: bool
    rate_per_minute: float | None
    problem: str | None
    comparison: dict[str, Any] | None
    compared_at: datetime | None
    description: dict[str, Any]

    @property
    def missing(self) -> int:
        """Number of pictures embedded elsewhere but not here."""
        return max(0, self.counts.media - self.counts.embedded)


def list_standing(session: Session) -> list[SpaceStanding]:
    """All spaces except dropped ones, in order of creation."""
    counts = count_items(session)
    return [_standing(session, space, counts[space.id]) for space in list_spaces(session)]


def choose_names(
    services: Services,
    preset: str | None,
    image_model: str | None,
    image_checkpoint: str | None,
    text_model: str | None,
) -> EncoderNames:
    """The encoders of a preset, or else of the active space, with named parts replaced.

    Raises:
        NotFound: there is no preset and no active space.
    """
    if preset is None:
        with services.database.transaction() as session:
            base = names_of_space(services.settings, get_active_space(session))
    else:
        bare = {"preset": preset, "image_model": None, "image_checkpoint": None, "text_model": None}
        base = resolve_encoders(services.settings.model_copy(update=bare))
    model = image_model or base.image_model
    # A checkpoint belongs to an architecture.
    inherited = base.image_checkpoint if model == base.image_model else None
    return EncoderNames(model, image_checkpoint or inherited, text_model or base.text_model)


def make_space(services: Services, names: EncoderNames, *, name: str | None = None, actor: str) -> Space:
    """Create an empty space for these encoders. Nothing is embedded yet.

    Raises:
        EncoderUnavailable: the encoders do not exist.
        InputError: the name is empty, too long, or cannot be stored.
        Conflict: there is no active space, or a space with this name or these encoders exists.
        TransactionConflict: the library was too busy to create a table. Try again.
    """
    if name is not None and not 0 < len(name.strip()) <= _MOST_NAME:
        raise InputError(f"The name of a space must have 1 to {_MOST_NAME} characters.", hint="Give another --name.")
    if name is not None and not is_storable(name):
        raise InputError("The name contains invalid characters.", hint="Remove NUL and lone surrogates.")
    name = None if name is None else name.strip()
    if name is not None:
        with services.database.transaction() as session:
            _require_free_name(session, name)
    new = describe_space(load_encoders(services.settings, names), name)
    with services.database.transaction() as session:
        limit_lock_waits(session, _LOCK_SECONDS)
        lock_spaces(session)
        if find_active_space(session) is None:
            raise Conflict(
                "There is no active space yet.",
                hint="Configure these encoders and start a worker: it creates the first space.",
            )
        _require_free_name(session, new.name)
        for space in list_spaces(session):
            if (space.image_fingerprint, space.text_fingerprint) == (new.image_fingerprint, new.text_fingerprint):
                raise Conflict(
                    f"Space '{space.name}' already has these encoders; every vector would be the same.",
                    hint="Choose different encoders, or fill that space.",
                )
        space = create_space(session, new)
        record_act(session, actor, Act.SPACE_CREATED, space.name)
    return space


def drop(services: Services, name: str, *, actor: str) -> None:
    """Drop a space and everything computed in it. Groups and curators' decisions do not depend on it.

    Raises:
        NotFound: the space does not exist.
        Conflict: it is the active one.
        TransactionConflict: the library was too busy. Try again.
    """
    with services.database.transaction() as session:
        limit_lock_waits(session, _LOCK_SECONDS)
        lock_spaces(session)
        space = get_space(session, name)
        if space.is_active:
            raise Conflict(f"Space '{name}' is the active one.", hint="Activate another one first.")
        record_act(session, actor, Act.SPACE_DROPPED, name)
        drop_space(session, space)


def _require_free_name(session: Session, name: str) -> None:
    if any(space.name == name for space in list_spaces(session)):
        raise Conflict(f"A space named '{name}' already exists.", hint="Give another --name, or drop it.")


def _standing(session: Session, space: Space, counts: FillCounts) -> SpaceStanding:
    fill = find_fill(session, space.id)
    return SpaceStanding(
        id=space.id,
        name=space.name,
        state=space.state,
        preset=space.preset,
        image_model=space.image_model,
        text_model=space.text_model,
        image_dimension=space.image_dimension,
        text_dimension=space.text_dimension,
        created_at=space.created_at,
        activated_at=space.activated_at,
        counts=counts,
        threshold=find_threshold(session, space.id),
        kept_up=fill is not None,
        paused=fill is not None and fill.paused_at is not None,
        rate_per_minute=None if fill is None else fill.rate_per_minute,
        problem=None if fill is None else fill.problem,
        comparison=None if fill is None else fill.comparison,
        compared_at=None if fill is None else fill.compared_at,
        description=space.description,
    )
