"""Responses to uploads, for the API and the upload page."""

import uuid
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import Response, UploadFile

from backend.features.intake import SentFile, Upload, accept_files, accept_link, wait_for_groups
from backend.features.services import Services
from backend.files.text import MediaText
from backend.web.api.schemas.schemas import UploadAnswer, UrlInput
from backend.web.middleware.idempotency import answer_once, fingerprint_of


def answer_files(
    services: Services,
    caller: str,
    response: Response,
    files: Sequence[UploadFile],
    texts: Sequence[MediaText],
    *,
    said: Sequence[Any],
    key: str | None,
    wait_seconds: float = 0.0,
) -> Any:
    """Store files with their texts. `said` holds the request's fields as sent; the idempotency `key` covers them."""

    def answer(media_id: uuid.UUID | None) -> UploadAnswer:  # noqa: ARG001 - pictures are identified by their bytes
        sent = [SentFile(file.filename, file.file, text) for file, text in zip(files, texts, strict=True)]
        return _answer(response, wait_for_groups(services, accept_files(services, sent), wait_seconds))

    def fingerprint() -> bytes:
        return fingerprint_of(["POST /media", *said], files)

    return answer_once(services, caller, key, fingerprint, response, answer)


def answer_url(
    services: Services,
    caller: str,
    response: Response,
    body: UrlInput,
    *,
    key: str | None,
    wait_seconds: float = 0.0,
) -> Any:
    """Register a picture that a worker will fetch from its address."""

    def answer(media_id: uuid.UUID | None) -> UploadAnswer:
        upload = accept_link(services, body.url, body.media_text(), media_id=media_id)
        return _answer(response, wait_for_groups(services, [upload], wait_seconds))

    def fingerprint() -> bytes:
        return fingerprint_of(["POST /media/from-url", body.model_dump(mode="json")], [])

    return answer_once(services, caller, key, fingerprint, response, answer)


def _answer(response: Response, uploads: Sequence[Upload]) -> UploadAnswer:
    """Set the status to 200 if nothing is left to process, and `Location` if there is exactly one picture."""
    kept = [one for one in uploads if one.media_id is not None]
    if all(one.duplicate or one.is_settled for one in kept):
        response.status_code = HTTPStatus.OK
    if len(kept) == 1:
        response.headers["Location"] = f"/media/{kept[0].media_id}"
    return UploadAnswer.of(uploads)
