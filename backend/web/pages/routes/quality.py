"""The quality page: similarities, other thresholds, group sizes and cohesion."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field

from backend.bounds import ID, THRESHOLD
from backend.errors import Conflict
from backend.features.consolidation import apply_threshold
from backend.features.editing import undo
from backend.features.evaluation import Job
from backend.features.services import Services
from backend.rules.editing import Outcome
from backend.web.api.dependencies import ServicesDependency
from backend.web.pages.backgrounds import is_measuring, start_measuring
from backend.web.pages.quality import MOST_APPLIED_HERE, read_figures
from backend.web.pages.routes.curation import CuratorDependency, Done
from backend.web.pages.templating import render

router = APIRouter()

_CHANGES_SHOWN = 8

EventId = Annotated[int, Path(ge=ID.low, le=ID.high)]


class Chosen(BaseModel):
    """The threshold chosen with the slider."""

    threshold: float = Field(gt=THRESHOLD.low, le=THRESHOLD.high)


@router.get("/quality")
def show_quality(request: Request, services: ServicesDependency) -> Response:
    return _render_figures(request, services, "quality.html")


@router.get("/quality/figures")
def show_figures(request: Request, services: ServicesDependency) -> Response:
    """Show the figures alone. The page polls this during a measurement."""
    return _render_figures(request, services, "partials/quality_figures.html")


@router.post("/quality/figures/measure")
def do_measure(request: Request, services: ServicesDependency) -> Response:
    """Start a measurement in a process of its own, without waiting."""
    start_measuring(request, Job.FIGURES)
    return _render_figures(request, services, "partials/quality_figures.html")


@router.post("/quality/threshold/preview")
def show_threshold_preview(
    request: Request, services: ServicesDependency, actor: CuratorDependency, chosen: Chosen
) -> Response:
    """Show what the threshold would change, by grouping all pictures again without saving."""
    _require_small(services, chosen.threshold)
    outcome = apply_threshold(services, chosen.threshold, actor=actor, dry_run=True)
    changes = sorted(outcome.clusters, key=lambda one: -abs(one.size_after - one.size_before))
    return render(
        request,
        "partials/quality_preview.html",
        threshold=chosen.threshold,
        outcome=outcome,
        changes=[one for one in changes if one.size_before][:_CHANGES_SHOWN],
        changed=sum(1 for one in changes if one.size_before),
        gone=len(outcome.removed_cluster_ids),
        created=len(outcome.created_cluster_ids),
    )


@router.post("/quality/threshold/apply")
def do_apply(services: ServicesDependency, actor: CuratorDependency, chosen: Chosen) -> Done:
    _require_small(services, chosen.threshold)
    return _done(apply_threshold(services, chosen.threshold, actor=actor))


@router.post("/quality/events/{event_id}/undo")
def do_undo(services: ServicesDependency, actor: CuratorDependency, event_id: EventId) -> Done:
    return _done(undo(services, event_id, actor=actor))


def _render_figures(request: Request, services: Services, template: str) -> Response:
    running = is_measuring(request, Job.FIGURES)
    with services.database.transaction() as session:
        figures = read_figures(session, services.settings.threshold, running=running)
    return render(request, template, active="quality", figures=figures)


def _require_small(services: Services, threshold: float) -> None:
    with services.database.transaction() as session:
        media_count = read_figures(session, services.settings.threshold, running=False).media_count
    if media_count > MOST_APPLIED_HERE:
        raise Conflict(
            f"Regrouping {media_count:,} pictures takes longer than a page can wait.",
            hint=f"Run `mediacluster threshold {threshold:g} --apply --dry-run` on the server.",
        )


def _done(outcome: Outcome) -> Done:
    return Done(
        event_id=outcome.event_id,
        summary=outcome.summary,
        warnings=list(outcome.warnings),
        go=None,
    )
