"""The upload page: upload requests and the progress of each picture."""

from collections.abc import Mapping
from dataclasses import astuple
from http import HTTPStatus
from threading import Event
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Depends, File, Request, Response, UploadFile

from backend.errors import error_kinds
from backend.features.services import Services
from backend.files.formats import list_accepted
from backend.store.media import Progress, list_known, list_progress
from backend.web.api.dependencies import ServicesDependency
from backend.web.api.schemas.schemas import MOST_CHECKSUMS, ChecksumsInput, KnownAnswer, TextForm, UrlInput
from backend.web.api.upload_answers import answer_files, answer_url
from backend.web.middleware.idempotency import IdempotencyKeyHeader
from backend.web.middleware.rate_limit import UPLOADS, limited
from backend.web.middleware.turns import TurnDependency, caller_of
from backend.web.pages.routes.curation import CuratorDependency
from backend.web.pages.streams import EventStream, Listeners, stream_changes
from backend.web.pages.templating import link, picture_url, render

router = APIRouter()

_MOST_WATCHED = 2000
# Advice that differs on this page. `unreachable` and `stopped` are codes of the page itself.
_ADVICE = {
    "unreachable": "Check that the server is running and that you are connected, then try again.",
    "stopped": "Choose “Try again” to send it.",
    "file_unreadable": "Add it again: it was moved or changed after it was chosen.",
    "malformed_request": "Reload the page, then add it again.",
    "not_found": "Add it again if it was deleted by mistake.",
    "unauthorized": "Log in again, then add the files again. Files that already arrived are not sent twice.",
    "csrf_failed": "Reload the page, then add the files again. Files that already arrived are not sent twice.",
}

MediaIds = Annotated[list[UUID], Body(embed=True, max_length=_MOST_WATCHED)]


@router.get("/upload")
def show_upload(request: Request, services: ServicesDependency) -> Response:
    formats = list_accepted(services.limits)
    return render(
        request,
        "upload.html",
        active="upload",
        advice={code: kind.advice for code, kind in error_kinds().items()} | _ADVICE,
        extensions=[suffix for one in formats for suffix in one.suffixes],
        format_names=[one.extension.upper() for one in formats],
        limits=services.limits,
        mime_types=[one.mime for one in formats],
        most_bytes=services.settings.max_body_bytes,
        most_checksums=MOST_CHECKSUMS,
        most_watched=_MOST_WATCHED,
    )


@router.post("/upload/known")
def find_known(services: ServicesDependency, body: ChecksumsInput) -> KnownAnswer:
    """Find files that are already stored and need not be sent."""
    with services.database.transaction() as session:
        return KnownAnswer.of(list_known(session, [bytes.fromhex(one) for one in body.checksums]))


@router.post("/upload/file", status_code=HTTPStatus.ACCEPTED)
@limited(UPLOADS)
def upload_file(
    services: ServicesDependency,
    actor: CuratorDependency,
    response: Response,
    _turn: TurnDependency,
    file: Annotated[UploadFile, File()],
    text: Annotated[TextForm, Depends()],
    idempotency_key: IdempotencyKeyHeader = None,
) -> Any:
    """As `POST /media`, for the user who is logged in."""
    said = [*astuple(text), None]
    return answer_files(services, actor, response, [file], [text.media_text()], said=said, key=idempotency_key)


@router.post("/upload/url", status_code=HTTPStatus.ACCEPTED)
@limited(UPLOADS)
def upload_url(
    services: ServicesDependency,
    actor: CuratorDependency,
    response: Response,
    body: UrlInput,
    idempotency_key: IdempotencyKeyHeader = None,
) -> Any:
    """Like `POST /media/from-url`, for the logged-in user."""
    return answer_url(services, actor, response, body, key=idempotency_key)


@router.post("/upload/progress")
def show_progress(services: ServicesDependency, ids: MediaIds) -> list[dict[str, Any]]:
    """Progress of each picture, for pages whose event stream is blocked."""
    return list(_read(services, ids)[0].values())


@router.post("/upload/stream")
def stream_progress(request: Request, services: ServicesDependency, ids: MediaIds) -> Response:
    """Progress as server-sent events until all pictures are processed. A POST, because there may be many ids."""
    ending = request.app.state.ending
    assert isinstance(ending, Event)
    listeners: Listeners = request.app.state.listeners
    return EventStream(stream_changes(lambda: _read(services, ids), ending), listeners, caller_of(request))


def _read(services: Services, ids: list[UUID]) -> tuple[Mapping[str, dict[str, Any]], bool]:
    with services.database.transaction() as session:
        found = list_progress(session, ids)
    return {str(one.id): _as_json(one) for one in found}, all(one.is_settled for one in found)


def _as_json(one: Progress) -> dict[str, Any]:
    return {
        "id": str(one.id),
        "stage": one.stage.value,
        "settled": one.is_settled,
        "href": link(f"/media/{one.shown_id}"),
        "thumbnail": None if one.sha256 is None else picture_url(one.sha256),
        "code": one.code,
        "detail": one.detail,
        "group": None
        if one.group is None
        else {
            "id": one.group.id,
            "label": one.group.label or f"Group {one.group.id}",
            "href": link(f"/clusters/{one.group.id}"),
            "similarity": round(one.group.similarity, 3),
            "founded": one.group.founded,
        },
    }
