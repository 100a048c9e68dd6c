"""Liveness and readiness checks."""

from http import HTTPStatus

from fastapi import APIRouter, Response

from backend.features.operations import Finding, check_broker, check_database, check_storage, check_vector_service
from backend.web.api.dependencies import ServicesDependency
from backend.web.api.schemas.schemas import HealthAnswer
from backend.web.middleware.problems import RETRY_AFTER_SECONDS

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live", operation_id="health_live", summary="The process is alive")
async def live() -> HealthAnswer:
    # Async, so that it answers even if every worker thread is busy.
    return HealthAnswer(status="ok")


@router.get(
    "/ready",
    operation_id="health_ready",
    summary="The service can take requests",
    responses={
        HTTPStatus.SERVICE_UNAVAILABLE: {"model": HealthAnswer, "description": "A required service is unavailable"}
    },
)
def ready(services: ServicesDependency, response: Response) -> HealthAnswer:
    """503 if the database is unreachable or its schema is out of date, or if the storage cannot be written. Without the
    broker, uploads are accepted and wait, and without the vector service searches take more memory or time: the status is then
    `degraded`, with 200."""
    needed = [check_database(services), check_storage(services)]
    optional = [check_broker(services)]
    if services.vector_service is not None:
        optional.append(check_vector_service(services))
    findings = [*needed, *optional]
    healthy = all(finding.ok for finding in needed)
    if not healthy:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return HealthAnswer(
        status="unavailable" if not healthy else "ok" if all(map(_is_well, optional)) else "degraded",
        checks={finding.name: "ok" if _is_well(finding) else finding.detail for finding in findings},
    )


def _is_well(finding: Finding) -> bool:
    return finding.ok and finding.hint is None
