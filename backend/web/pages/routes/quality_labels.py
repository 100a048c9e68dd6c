"""Quality of search and groups against labels, by alpha and threshold, from the last stored evaluation."""

from typing import Any

from fastapi import APIRouter, Request, Response

from backend.features.evaluation import Job, draw_alphas, draw_thresholds
from backend.features.services import Services
from backend.store.evaluation import find_standing
from backend.web.api.dependencies import ServicesDependency
from backend.web.pages.backgrounds import is_measuring, start_measuring
from backend.web.pages.quality import failure_of, is_stale
from backend.web.pages.templating import render

router = APIRouter()


@router.get("/quality/labels")
def show_labels(request: Request, services: ServicesDependency) -> Response:
    return _render(request, services, "quality_labels.html")


@router.get("/quality/labels/state")
def show_labels_state(request: Request, services: ServicesDependency) -> Response:
    """Show the figures alone. The page polls this during an evaluation."""
    return _render(request, services, "partials/quality_against.html")


@router.post("/quality/labels/evaluate")
def do_evaluate(request: Request, services: ServicesDependency) -> Response:
    """Start an evaluation in a process of its own, without waiting."""
    start_measuring(request, Job.EVALUATION)
    return _render(request, services, "partials/quality_against.html")


def _render(request: Request, services: Services, template: str) -> Response:
    """Render the page with two statements, whatever the size of the library."""
    running = is_measuring(request, Job.EVALUATION)
    with services.database.transaction() as session:
        standing = find_standing(session)
    report = None if standing is None else standing.reports.get("evaluation")
    content: dict[str, Any] | None = None if report is None or not report.content else report.content
    document = None if content is None else content["document"]
    return render(
        request,
        template,
        active="quality",
        media_count=0 if standing is None else standing.media_count,
        content=content,
        document=document,
        alphas={task: draw_alphas(document, task) for task in document["alpha"]} if document else {},
        threshold=draw_thresholds(document) if document and document["threshold"] else None,
        measured_at=None if report is None or content is None else report.measured_at,
        stale=standing is not None and is_stale(standing, Job.EVALUATION),
        running=running or (standing is not None and Job.EVALUATION in standing.running),
        failure=None if standing is None else failure_of(standing, Job.EVALUATION),
    )
