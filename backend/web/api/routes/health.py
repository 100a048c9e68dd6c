"""Liveness and readiness checks."""

from http import HTTPStatus

from fastapi import APIRouter, Response

from backend.features.operations import check_broker, check_database, check_storage
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
    broker, uploads are accepted and wait: the status is then `degraded`, with 200."""
    needed = [check_database(services), check_storage(services)]
    broker = check_broker(services)
    findings = [*needed, broker]
    healthy = all(finding.ok for finding in needed)
    if not healthy:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return HealthAnswer(
        status="unavailable" if not healthy else "ok" if broker.ok else "degraded",
        checks={finding.name: "ok" if finding.ok else finding.detail for finding in findings},
    )
