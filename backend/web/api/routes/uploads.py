"""Take pictures in."""

import json
import threading
import time
import uuid
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Query, Response, UploadFile
from pydantic import TypeAdapter, ValidationError

from backend.errors import InputError
from backend.features.intake import Accepted, accept_picture, accept_url
from backend.features.services import Services
from backend.files.text import MediaText, parse_taken_at
from backend.store.media import find_media, list_known
from backend.store.schema import MediaStatus
from backend.web.api.dependencies import ActorDependency, ServicesDependency
from backend.web.api.routes.references import find_reference
from backend.web.api.schemas.schemas import (
    ChecksumsInput,
    KnownAnswer,
    TextInput,
    UploadAnswer,
    UploadedMedia,
    UrlInput,
)
from backend.web.middleware.idempotency import IdempotencyKeyHeader, answer_once, fingerprint_of
from backend.web.middleware.problems import documented

router = APIRouter(tags=["uploads"])

_POLL_SECONDS = 0.05
# Each that waits holds one of the forty threads that answer; the others stay free.
_MOST_WAITING = 16
_waiting = threading.BoundedSemaphore(_MOST_WAITING)
_SETTLED = {MediaStatus.READY, MediaStatus.FAILED, MediaStatus.DUPLICATE}
_TEXTS = TypeAdapter(list[TextInput])

WaitSeconds = Annotated[
    float,
    Query(ge=0, description="Wait up to this many seconds for the pictures to be grouped, and return their groups."),
]


@router.post(
    "/media",
    operation_id="upload_media",
    summary="Upload one or more pictures",
    response_model=UploadAnswer,
    status_code=HTTPStatus.ACCEPTED,
    responses={
        HTTPStatus.OK: {"model": UploadAnswer, "description": "All files were stored before, or all are processed"},
        **documented(
            "malformed_request",
            "invalid_text",
            "file_too_large",
            "unsupported_format",
            "image_corrupt",
            "image_truncated",
            "too_many_pixels",
            "metadata_too_large",
            "backend_unavailable",
            "storage_full",
            "decode_crash",
            "idempotency_mismatch",
            "idempotency_in_progress",
        ),
    },
)
def upload_media(
    services: ServicesDependency,
    actor: ActorDependency,
    response: Response,
    file: Annotated[list[UploadFile], File(description="The picture. Repeat the field for several pictures.")],
    title: Annotated[str, Form()] = "",
    caption: Annotated[str, Form()] = "",
    keywords: Annotated[list[str] | None, Form(description="Repeat the field, or separate keywords by commas.")] = None,
    location: Annotated[str, Form()] = "",
    story: Annotated[str, Form()] = "",
    taken_at: Annotated[str, Form(description="ISO 8601, an EXIF date or Unix seconds.")] = "",
    items: Annotated[str | None, Form(description="Text for each file: a JSON list with one object per file.")] = None,
    wait_seconds: WaitSeconds = 0.0,
    idempotency_key: IdempotencyKeyHeader = None,
) -> Any:
    """Stores and queues each file. 202 if any file still has to be processed, 200 if all were stored before or are
    processed. A refused file is listed with its error code. If all files are refused, the first error is the response.
    """
    _require_count(services, len(file))
    shared = MediaText(title, caption, tuple(keywords or ()), location, story, parse_taken_at(taken_at))
    texts = [shared] * len(file) if items is None else _texts_per_file(items, len(file), shared)

    def answer(media_id: uuid.UUID | None) -> UploadAnswer:  # noqa: ARG001 - by their bytes pictures are the same anyway
        outcomes = [_accept(services, one, text) for one, text in zip(file, texts, strict=True)]
        return _answer_with(services, response, outcomes, wait_seconds)

    def fingerprint() -> bytes:
        return fingerprint_of(["POST /media", title, caption, keywords, location, story, taken_at, items], file)

    return answer_once(services, actor, idempotency_key, fingerprint, response, answer)


@router.post(
    "/media/from-url",
    operation_id="upload_media_from_url",
    summary="Upload a picture from a URL",
    response_model=UploadAnswer,
    status_code=HTTPStatus.ACCEPTED,
    responses={
        HTTPStatus.OK: {"model": UploadAnswer, "description": "With wait_seconds: the picture is ready or has failed"},
        **documented(
            "malformed_request",
            "invalid_text",
            "url_forbidden",
            "idempotency_mismatch",
            "idempotency_in_progress",
            "backend_unavailable",
        ),
    },
)
def upload_media_from_url(
    services: ServicesDependency,
    actor: ActorDependency,
    response: Response,
    body: UrlInput,
    wait_seconds: WaitSeconds = 0.0,
    idempotency_key: IdempotencyKeyHeader = None,
) -> Any:
    """The address is checked now and fetched later by a worker. An error while fetching is stored with the picture."""

    def answer(media_id: uuid.UUID | None) -> UploadAnswer:
        accepted = accept_url(services, body.url, body.media_text(), media_id=media_id)
        uploaded = UploadedMedia(id=accepted.media_id, filename=None, status=accepted.status)
        return _answer_with(services, response, [uploaded], wait_seconds)

    def fingerprint() -> bytes:
        return fingerprint_of(["POST /media/from-url", body.model_dump(mode="json")], [])

    return answer_once(services, actor, idempotency_key, fingerprint, response, answer)


@router.post(
    "/media/known",
    operation_id="find_known_media",
    summary="Find which files are already stored",
    responses=documented("malformed_request", "backend_unavailable"),
)
def find_known_media(services: ServicesDependency, body: ChecksumsInput) -> KnownAnswer:
    """Check by SHA-256 before uploading, to skip files that are already stored."""
    with services.database.transaction() as session:
        return KnownAnswer.of(list_known(session, [bytes.fromhex(one) for one in body.checksums]))


def _require_count(services: Services, count: int) -> None:
    allowed = services.settings.max_files_per_request
    if count > allowed:
        raise InputError(
            f"The request has {count} files; at most {allowed} are allowed.", hint="Send them in several requests."
        )


def _texts_per_file(items: str, count: int, shared: MediaText) -> list[MediaText]:
    try:
        texts = _TEXTS.validate_python(json.loads(items))
    except (ValueError, ValidationError) as error:
        raise InputError(f"`items` cannot be read: {error}", hint="Send a JSON list with an object per file.") from None
    if len(texts) != count:
        raise InputError(f"`items` has {len(texts)} objects for {count} files.", hint="Send an object per file.")
    return [text.media_text().or_else(shared) for text in texts]


def _accept(services: Services, file: UploadFile, text: MediaText) -> UploadedMedia | InputError:
    # One byte more than is allowed is enough to see that it is too large.
    data = file.file.read(services.settings.max_body_bytes + 1)
    try:
        accepted = accept_picture(services, data, text, source="upload", source_uri=file.filename)
    except InputError as error:
        error.context["filename"] = file.filename
        return error
    return _uploaded(accepted, file.filename)


def _uploaded(accepted: Accepted, filename: str | None) -> UploadedMedia:
    return UploadedMedia(id=accepted.media_id, filename=filename, status=accepted.status, duplicate=accepted.duplicate)


def _answer_with(
    services: Services, response: Response, outcomes: Sequence[UploadedMedia | InputError], wait_seconds: float
) -> UploadAnswer:
    refused = [outcome for outcome in outcomes if isinstance(outcome, InputError)]
    if len(refused) == len(outcomes):
        raise refused[0]
    media = [_refused(outcome) if isinstance(outcome, InputError) else outcome for outcome in outcomes]
    media = _wait_in_turn(services, media, min(wait_seconds, services.settings.max_wait_seconds))
    kept = [one for one in media if one.id is not None]
    if all(one.duplicate or one.status in _SETTLED for one in kept):
        response.status_code = HTTPStatus.OK
    if len(kept) == 1:
        response.headers["Location"] = f"/media/{kept[0].id}"
    return UploadAnswer(ids=[one.id for one in kept if one.id is not None], media=media)


def _refused(error: InputError) -> UploadedMedia:
    return UploadedMedia(filename=error.context.get("filename"), code=error.code, detail=str(error))


def _wait_in_turn(services: Services, media: list[UploadedMedia], seconds: float) -> list[UploadedMedia]:
    """Wait, unless enough do so already."""
    if seconds <= 0 or not _waiting.acquire(blocking=False):
        return _wait(services, media, 0)
    try:
        return _wait(services, media, seconds)
    finally:
        _waiting.release()


def _wait(services: Services, media: list[UploadedMedia], seconds: float) -> list[UploadedMedia]:
    """Ask until every media is settled or the time is up; for 0 seconds only those that were here before, once. One that was
    deleted meanwhile stays as it was known last."""
    deadline = time.monotonic() + seconds
    gone: set[uuid.UUID | None] = {None}
    while True:
        for position, one in enumerate(media):
            if one.id is None or one.id in gone or not (one.duplicate or seconds > 0):
                continue
            now = _now(services, one, one.id)
            if now is None:
                gone.add(one.id)
            else:
                media = [*media[:position], now, *media[position + 1 :]]
        left = deadline - time.monotonic()
        if left <= 0 or all(one.id in gone or one.status in _SETTLED for one in media):
            break
        time.sleep(min(_POLL_SECONDS, left))
    return media


def _now(services: Services, uploaded: UploadedMedia, media_id: uuid.UUID) -> UploadedMedia | None:
    if uploaded.status in _SETTLED and (uploaded.cluster is not None or uploaded.status is not MediaStatus.READY):
        return uploaded
    with services.database.transaction() as session:
        media = find_media(session, media_id)
        if media is not None and media.duplicate_of is not None:
            media = find_media(session, media.duplicate_of)
        if media is None:
            return None
        return uploaded.model_copy(
            update={
                "id": media.id,
                "duplicate": uploaded.duplicate or media.id != media_id,
                "status": MediaStatus(media.status),
                "cluster": find_reference(session, media.id),
                "code": media.error_code,
                "detail": media.error_detail,
            }
        )
