"""Decisions on the review page, and their undo. Responses are JSON for the page's script."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import AwareDatetime, BaseModel, Field

from backend.bounds import ID, VERSIONS
from backend.features.duplicates import delete_marked, keep_all, mark_others, take_back_keep_all, unmark
from backend.features.review import decide, take_back
from backend.rules.editing import Outcome
from backend.rules.review import ReviewVerdict
from backend.store.media import list_pictures
from backend.store.review import count_marked, list_marked
from backend.web.api.dependencies import ServicesDependency
from backend.web.pages.formatting import counted
from backend.web.pages.routes.curation import CuratorDependency
from backend.web.pages.templating import render

router = APIRouter()

_MARKED_SHOWN = 60


class Said(BaseModel):
    """A decision on an item of the queue."""

    item: str = Field(max_length=200)
    decision: ReviewVerdict
    cluster_id: int | None = Field(None, ge=ID.low, le=ID.high)


class ItemNamed(BaseModel):
    """The item whose decision to undo."""

    item: str = Field(max_length=200)


class SaidOfVersions(BaseModel):
    """A decision on near-duplicates. The same body undoes it."""

    decision: Literal["keep_best", "keep_all"]
    keep_media_id: UUID
    media_ids: Annotated[list[UUID], Field(min_length=VERSIONS.low, max_length=VERSIONS.high)]


class Confirmed(BaseModel):
    """Confirmation of a deletion. Covers all pictures marked up to the time that the page showed."""

    until: AwareDatetime


class Reviewed(BaseModel):
    """The result of a decision. `gone` lists groups that no longer exist, so that the page skips items about them."""

    summary: str
    gone: list[int] = Field(default_factory=list)


@router.post("/review/decisions")
def do_decide(services: ServicesDependency, actor: CuratorDependency, said: Said) -> Reviewed:
    decided = decide(services, said.item, said.decision, actor=actor, cluster_id=said.cluster_id)
    return _reviewed(decided.outcome, "Left unchanged")


@router.post("/review/decisions/take-back")
def do_take_back(services: ServicesDependency, actor: CuratorDependency, named: ItemNamed) -> Reviewed:
    return _reviewed(take_back(services, named.item, actor=actor), "Undone")


@router.post("/review/near-duplicates")
def do_decide_versions(services: ServicesDependency, actor: CuratorDependency, said: SaidOfVersions) -> Reviewed:
    if said.decision == "keep_all":
        keep_all(services, [said.keep_media_id, *said.media_ids], actor=actor)
        return Reviewed(summary="All are kept")
    mark_others(services, said.keep_media_id, said.media_ids, actor=actor)
    return Reviewed(summary=f"Marked {counted(len(said.media_ids), 'picture')} for deletion")


@router.post("/review/near-duplicates/take-back")
def do_take_back_versions(services: ServicesDependency, said: SaidOfVersions) -> Reviewed:
    if said.decision == "keep_all":
        take_back_keep_all(services, [said.keep_media_id, *said.media_ids])
    else:
        unmark(services, said.keep_media_id, said.media_ids)
    return Reviewed(summary="Undone")


@router.get("/review/marked")
def show_marked(request: Request, services: ServicesDependency) -> Response:
    """Show the pictures marked for deletion."""
    with services.database.transaction() as session:
        totals = count_marked(session)
        shown = list_marked(session, _MARKED_SHOWN)
        pictures = list_pictures(session, shown)
    return render(
        request,
        "partials/review_marked.html",
        totals=totals,
        pictures=[pictures[one] for one in shown if one in pictures],
    )


@router.post("/review/marked/delete")
def do_delete_marked(services: ServicesDependency, actor: CuratorDependency, confirmed: Confirmed) -> Reviewed:
    """Delete the marked pictures permanently."""
    deleted = delete_marked(services, until=confirmed.until, actor=actor)
    return Reviewed(summary=f"Deleted {counted(deleted.media, 'picture')}", gone=list(deleted.removed_cluster_ids))


def _reviewed(outcome: Outcome | None, otherwise: str) -> Reviewed:
    if outcome is None:
        return Reviewed(summary=otherwise)
    return Reviewed(summary=outcome.summary, gone=list(outcome.removed_cluster_ids))
