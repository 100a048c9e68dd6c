"""Whether the service lives, and whether it can serve."""

from http import HTTPStatus

from fastapi import APIRouter, Response

from backend.api.dependencies import ServicesDependency
from backend.api.schemas import HealthAnswer
from backend.diagnosis import check_broker, check_database, check_storage

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live", operation_id="health_live", summary="The process answers")
def live() -> HealthAnswer:
    return HealthAnswer(status="ok")


@router.get(
    "/ready",
    operation_id="health_ready",
    summary="Database, broker and storage can be reached",
    responses={HTTPStatus.SERVICE_UNAVAILABLE: {"model": HealthAnswer, "description": "Something is not there"}},
)
def ready(services: ServicesDependency, response: Response) -> HealthAnswer:
    findings = [check_database(services), check_broker(services), check_storage(services)]
    healthy = all(finding.ok for finding in findings)
    if not healthy:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return HealthAnswer(
        status="ok" if healthy else "unavailable",
        checks={finding.name: "ok" if finding.ok else finding.detail for finding in findings},
    )
