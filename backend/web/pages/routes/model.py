"""The model page, for admins: spaces, their progress, and switching between them."""

import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Path, Request, Response

from backend.encoders import PRESETS
from backend.errors import Conflict, InputError, NotFound
from backend.features.model_change import Kind, SpaceStanding, ask, drop, fill, list_standing, pause_fill
from backend.features.services import Services
from backend.store.spaces import FailedItem, WorkStanding, find_last_work, find_previous_space, list_failed_items
from backend.web.api.dependencies import ServicesDependency
from backend.web.middleware.authentication import client_address
from backend.web.pages.backgrounds import background_of
from backend.web.pages.routes.curation import CuratorDependency
from backend.web.pages.templating import render

router = APIRouter()

_FAILED_SHOWN = 50

SpaceId = Annotated[int, Path(ge=1, le=2**31 - 1)]
Name = Annotated[str, Form(max_length=200)]


@dataclass(frozen=True)
class ModelView:
    """State of the model page.

    Attributes:
        spaces: all spaces.
        previous: name of the space that a rollback activates, None if there is none.
        work: the last task that was requested, None if none was.
    """

    spaces: list[SpaceStanding]
    previous: str | None
    work: WorkStanding | None

    @property
    def active(self) -> SpaceStanding | None:
        return next((space for space in self.spaces if space.state == "active"), None)

    @property
    def others(self) -> list[SpaceStanding]:
        """The inactive spaces, newest first."""
        return [space for space in reversed(self.spaces) if space.state != "active"]

    @property
    def is_working(self) -> bool:
        return self.work is not None and self.work.is_running

    @property
    def is_filling(self) -> bool:
        return any(space.kept_up and not space.paused and space.counts.waiting for space in self.spaces)

    @property
    def changes(self) -> bool:
        """Whether the page must keep polling."""
        return self.is_working or self.is_filling


@router.get("/model")
def show_model(request: Request, services: ServicesDependency) -> Response:
    return render(request, "model.html", active="model", view=_read_view(services))


@router.get("/model/state")
def show_model_state(request: Request, services: ServicesDependency) -> Response:
    """Show the spaces alone. The page polls this while a task runs."""
    return _state(request, services)


@router.get("/model/ask/create")
def ask_create(request: Request, services: ServicesDependency) -> Response:
    view = _read_view(services)
    return render(request, "partials/model_create.html", presets=PRESETS, active_space=view.active)


@router.get("/model/ask/rollback")
def ask_rollback(request: Request, services: ServicesDependency) -> Response:
    view = _read_view(services)
    previous = next((space for space in view.spaces if space.name == view.previous), None)
    if previous is None or view.active is None:
        raise Conflict(
            "There is no space to go back to.", hint="The previous space was dropped, or the model was never changed."
        )
    return render(request, "partials/model_rollback.html", space=previous, active_space=view.active)


@router.get("/model/spaces/{space_id}/ask/{what}")
def ask_about_space(
    request: Request,
    services: ServicesDependency,
    space_id: SpaceId,
    what: Literal["fill", "compare", "activate", "drop", "failures"],
) -> Response:
    """Show a dialog before an action."""
    view = _read_view(services)
    space = _find(view, space_id)
    failed: list[FailedItem] = []
    if what == "failures":
        with services.database.transaction() as session:
            failed = list_failed_items(session, space_id, _FAILED_SHOWN)
    return render(
        request,
        f"partials/model_{what}.html",
        space=space,
        active_space=view.active,
        previous=view.previous,
        failed=failed,
    )


@router.post("/model/spaces")
def do_create(
    request: Request,
    services: ServicesDependency,
    actor: CuratorDependency,
    preset: Annotated[str, Form(max_length=20)] = "",
    name: Name = "",
    image_model: Annotated[str, Form(max_length=1000)] = "",
    image_checkpoint: Annotated[str, Form(max_length=1000)] = "",
    text_model: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """Create a space. Its models are downloaded and loaded in the background."""
    given = {
        "preset": preset.strip() or None,
        "image_model": image_model.strip() or None,
        "image_checkpoint": image_checkpoint.strip() or None,
        "text_model": text_model.strip() or None,
    }
    if not any(given.values()):
        raise InputError("No model was named.", hint="Choose a preset, or name an image model and a text model.")
    if given["preset"] is not None and given["preset"] not in PRESETS:
        raise InputError(f"There is no preset '{preset}'.", hint=f"Available presets: {', '.join(PRESETS)}.")
    subject = name.strip() or given["preset"] or ""
    _begin(request, services, Kind.CREATE, subject, {**given, "name": name.strip() or None}, actor)
    return _state(request, services)


@router.post("/model/spaces/{space_id}/fill")
def do_fill(
    request: Request,
    services: ServicesDependency,
    actor: CuratorDependency,
    space_id: SpaceId,
    rate: Annotated[str, Form(max_length=20)] = "",
    retry_failed: Annotated[bool, Form()] = False,
) -> Response:
    """Start or resume filling, or change its rate. An empty rate means no limit."""
    fill(services, _name_of(services, space_id), actor=actor, rate_per_minute=_rate_of(rate), retry_failed=retry_failed)
    return _state(request, services)


@router.post("/model/spaces/{space_id}/pause")
def do_pause(request: Request, services: ServicesDependency, actor: CuratorDependency, space_id: SpaceId) -> Response:
    pause_fill(services, _name_of(services, space_id), actor=actor)
    return _state(request, services)


@router.post("/model/spaces/{space_id}/compare")
def do_compare(
    request: Request,
    services: ServicesDependency,
    actor: CuratorDependency,
    space_id: SpaceId,
    labels: Annotated[Literal["", "judgements", "folders", "groups"], Form()] = "",
) -> Response:
    """Compare a space with the active one. Without labels, the first usable source is taken. Label files are for the command line:
    pages read no files of the server."""
    _begin(request, services, Kind.COMPARE, _name_of(services, space_id), {"labels": labels or None}, actor)
    return _state(request, services)


@router.post("/model/spaces/{space_id}/activate")
def do_activate(
    request: Request,
    services: ServicesDependency,
    actor: CuratorDependency,
    space_id: SpaceId,
    threshold: Annotated[str, Form(max_length=20)] = "",
    without_failed: Annotated[bool, Form()] = False,
) -> Response:
    name, value = _name_of(services, space_id), _threshold_of(threshold)
    _begin(request, services, Kind.ACTIVATE, name, {"threshold": value, "without_failed": without_failed}, actor)
    return _state(request, services)


@router.post("/model/rollback")
def do_rollback(request: Request, services: ServicesDependency, actor: CuratorDependency) -> Response:
    with services.database.transaction() as session:
        previous = find_previous_space(session)
    if previous is None:
        raise Conflict(
            "There is no space to go back to.", hint="The previous space was dropped, or the model was never changed."
        )
    _begin(request, services, Kind.ROLLBACK, previous.name, {}, actor)
    return _state(request, services)


@router.post("/model/spaces/{space_id}/drop")
def do_drop(request: Request, services: ServicesDependency, actor: CuratorDependency, space_id: SpaceId) -> Response:
    view = _read_view(services)
    name = _find(view, space_id).name
    if view.work is not None and view.work.is_running and view.work.row.subject == name:
        raise Conflict(f"Space '{name}' is busy.", hint="Wait until its work is done, then drop it.")
    drop(services, name, actor=actor)
    return _state(request, services)


def _begin(
    request: Request, services: Services, kind: Kind, subject: str, arguments: dict[str, Any], actor: str
) -> None:
    """Record a task and start a process for it, without waiting."""
    work_id = ask(services, kind, subject, arguments, actor=actor, address=client_address(request.scope))
    # Named by its id, because the process of the previous task may not have exited yet.
    background_of(request).start(f"space {work_id}", ["space", "work", str(work_id)])


def _state(request: Request, services: Services) -> Response:
    return render(request, "partials/model_state.html", view=_read_view(services))


def _read_view(services: Services) -> ModelView:
    with services.database.transaction() as session:
        previous = find_previous_space(session)
        return ModelView(list_standing(session), None if previous is None else previous.name, find_last_work(session))


def _find(view: ModelView, space_id: int) -> SpaceStanding:
    found = next((space for space in view.spaces if space.id == space_id), None)
    if found is None:
        raise NotFound("This space no longer exists.", hint="Reload the page.")
    return found


def _name_of(services: Services, space_id: int) -> str:
    return _find(_read_view(services), space_id).name


def _rate_of(word: str) -> float | None:
    return _number(word, "rate", "Enter a number of pictures per minute, or leave the field empty.")


def _threshold_of(word: str) -> float | None:
    return _number(word, "threshold", "Give a number above 0 and up to 1, such as 0.82.")


def _number(word: str, what: str, hint: str) -> float | None:
    """Parse a number. None if empty."""
    if not word.strip():
        return None
    try:
        number = float(word.strip().replace(",", "."))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):  # JSON has no other numbers
        raise InputError(f"'{word}' is not a valid {what}.", hint=hint)
    return number
