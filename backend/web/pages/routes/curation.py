"""Curation on the pages: preview, apply, undo and history."""

from collections.abc import Callable
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, Field

from backend.bounds import EDITED_MEDIA, ID
from backend.errors import InputError
from backend.features.editing import (
    ChooseRepresentative,
    Confirm,
    Extract,
    Lock,
    Merge,
    Move,
    Operation,
    Rename,
    Split,
    Unlock,
    list_history,
    most_label_characters,
    perform,
    redo,
    undo,
)
from backend.rules.editing import Outcome
from backend.store.groups import list_cards_by_id, list_targets
from backend.store.media import list_pictures
from backend.web.api.dependencies import ServicesDependency
from backend.web.pages.templating import link, render

router = APIRouter()

_PREVIEWED = 14
_EVENTS_A_PAGE = 30

EventId = Annotated[int, Path(ge=ID.low, le=ID.high)]
ClusterId = Annotated[int, Query(ge=ID.low, le=ID.high)]
Kind = Literal["rename", "representative", "move", "merge", "split", "extract", "lock", "unlock", "confirm"]

# Title and button of the preview, by kind of operation.
_WORDS = {
    "move": ("Move", "Move"),
    "merge": ("Merge", "Merge"),
    "extract": ("Take out into a new group", "Make the group"),
    "split": ("Split", "Split"),
}


def get_curator(request: Request) -> str:
    """The actor of changes made on the pages, for the journal."""
    return str(getattr(request.state, "actor", "admin"))


CuratorDependency = Annotated[str, Depends(get_curator)]


class Asked(BaseModel):
    """An operation as the pages send it. `cluster_id` is the group of the page, `into` the target of a move or merge."""

    kind: Kind
    cluster_id: int = Field(ge=ID.low, le=ID.high)
    into: int | None = Field(None, ge=ID.low, le=ID.high)
    media_ids: list[UUID] = Field(default_factory=list, max_length=EDITED_MEDIA.high)
    label: str = ""

    def operation(self) -> Operation:
        """The operation. Raises InputError if a field that this kind requires is missing."""
        return _MAKERS[self.kind](self)

    def other(self) -> int:
        if self.into is None:
            raise InputError("No other group was chosen.", hint="Choose another group.")
        return self.into

    def one_media(self) -> UUID:
        if len(self.media_ids) != 1:
            raise InputError("A group has one cover picture.", hint="Select exactly one picture.")
        return self.media_ids[0]


_MAKERS: dict[Kind, Callable[[Asked], Operation]] = {
    "rename": lambda asked: Rename(asked.cluster_id, asked.label),
    "representative": lambda asked: ChooseRepresentative(asked.cluster_id, asked.one_media()),
    "move": lambda asked: Move(asked.media_ids, asked.other()),
    "merge": lambda asked: Merge([asked.cluster_id], asked.other()),
    "split": lambda asked: Split(asked.cluster_id, asked.media_ids, asked.label),
    "extract": lambda asked: Extract(asked.media_ids, asked.label),
    "lock": lambda asked: Lock(asked.cluster_id),
    "unlock": lambda asked: Unlock(asked.cluster_id),
    "confirm": lambda asked: Confirm(asked.media_ids),
}


class Done(BaseModel):
    """The result of an operation. `go` is the address to continue at if the group of the page no longer exists."""

    event_id: int | None
    summary: str
    warnings: list[str]
    go: str | None


@router.post("/curation/preview")
def show_preview(request: Request, services: ServicesDependency, actor: CuratorDependency, asked: Asked) -> Response:
    """Show what the operation would change, without changing it."""
    outcome = perform(services, asked.operation(), actor=actor, dry_run=True)
    with services.database.transaction() as session:
        cards = list_cards_by_id(session, [change.id for change in outcome.clusters if change.size_before])
        moved = [media_id for media_id, _from, _to in outcome.moved[:_PREVIEWED]]
        pictures = list_pictures(session, moved)
    title, verb = _WORDS.get(asked.kind, (asked.kind.capitalize(), "Do it"))
    return render(
        request,
        "partials/preview.html",
        title=title,
        verb=verb,
        outcome=outcome,
        cards={card.id: card for card in cards},
        pictures=[pictures[one] for one in moved if one in pictures],
        asks_label=asked.kind == "extract",
        label_characters=most_label_characters(services),
    )


@router.post("/curation/perform")
def do_perform(services: ServicesDependency, actor: CuratorDependency, asked: Asked) -> Done:
    return _done(perform(services, asked.operation(), actor=actor), asked.cluster_id, asked.into)


@router.post("/curation/events/{event_id}/undo")
def do_undo(services: ServicesDependency, actor: CuratorDependency, event_id: EventId, cluster_id: ClusterId) -> Done:
    return _done(undo(services, event_id, actor=actor), cluster_id, None)


@router.post("/curation/events/{event_id}/redo")
def do_redo(services: ServicesDependency, actor: CuratorDependency, event_id: EventId, cluster_id: ClusterId) -> Done:
    return _done(redo(services, event_id, actor=actor), cluster_id, None)


@router.get("/curation/targets")
def show_targets(
    request: Request,
    services: ServicesDependency,
    cluster_id: ClusterId,
    q: Annotated[str, Query(max_length=300)] = "",
) -> Response:
    with services.database.transaction() as session:
        targets = list_targets(session, cluster_id, q.replace("\0", "").strip())
    return render(request, "partials/targets.html", cards=targets.cards, near=targets.near)


@router.get("/curation/history")
def show_history(
    request: Request,
    services: ServicesDependency,
    cluster_id: ClusterId,
    before: Annotated[int | None, Query(ge=ID.low, le=ID.high)] = None,
) -> Response:
    with services.database.transaction() as session:
        events = list_history(session, before_id=before, cluster_id=cluster_id, limit=_EVENTS_A_PAGE + 1)
    page = events[:_EVENTS_A_PAGE]
    more = page[-1].id if len(events) > _EVENTS_A_PAGE else None
    return render(request, "partials/history.html", events=page, more=more)


def _done(outcome: Outcome, cluster_id: int, into: int | None) -> Done:
    go = None
    if cluster_id in outcome.removed_cluster_ids:
        go = link("/" if into is None else f"/clusters/{into}")
    return Done(
        event_id=outcome.event_id,
        summary=outcome.summary,
        warnings=list(outcome.warnings),
        go=go,
    )
