"""Upload of pictures."""

from dataclasses import astuple
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, Query, Response, UploadFile
from pydantic import TypeAdapter, ValidationError

from backend.documents import read_json
from backend.errors import InputError
from backend.features.services import Services
from backend.files.text import MediaText
from backend.store.media import list_known
from backend.web.api.dependencies import ActorDependency, ServicesDependency
from backend.web.api.schemas.schemas import ChecksumsInput, KnownAnswer, TextForm, TextInput, UploadAnswer, UrlInput
from backend.web.api.upload_answers import answer_files, answer_url
from backend.web.middleware.idempotency import IdempotencyKeyHeader
from backend.web.middleware.problems import documented
from backend.web.middleware.rate_limit import UPLOADS, limited
from backend.web.middleware.turns import TurnDependency

router = APIRouter(tags=["uploads"])

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
@limited(UPLOADS)
def upload_media(
    services: ServicesDependency,
    actor: ActorDependency,
    response: Response,
    _turn: TurnDependency,
    file: Annotated[list[UploadFile], File(description="The picture. Repeat the field for several pictures.")],
    text: Annotated[TextForm, Depends()],
    items: Annotated[str | None, Form(description="Text for each file: a JSON list with one object per file.")] = None,
    wait_seconds: WaitSeconds = 0.0,
    idempotency_key: IdempotencyKeyHeader = None,
) -> Any:
    """Stores and queues each file. 202 if any file still has to be processed, 200 if all were stored before or are
    processed. A refused file is listed with its error code. If all files are refused, the first error is the response.
    """
    _require_count(services, len(file))
    shared = text.media_text()
    texts = [shared] * len(file) if items is None else _texts_per_file(items, len(file), shared)

    return answer_files(
        services,
        actor,
        response,
        file,
        texts,
        said=[*astuple(text), items],
        key=idempotency_key,
        wait_seconds=wait_seconds,
    )


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
@limited(UPLOADS)
def upload_media_from_url(
    services: ServicesDependency,
    actor: ActorDependency,
    response: Response,
    body: UrlInput,
    wait_seconds: WaitSeconds = 0.0,
    idempotency_key: IdempotencyKeyHeader = None,
) -> Any:
    """The address is checked now and fetched later by a worker. An error while fetching is stored with the picture."""
    return answer_url(services, actor, response, body, key=idempotency_key, wait_seconds=wait_seconds)


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
        texts = _TEXTS.validate_python(read_json(items))
    except (ValueError, ValidationError) as error:
        raise InputError(f"`items` cannot be read: {error}", hint="Send a JSON list with an object per file.") from None
    if len(texts) != count:
        raise InputError(f"`items` has {len(texts)} objects for {count} files.", hint="Send an object per file.")
    return [text.media_text().or_else(shared) for text in texts]
