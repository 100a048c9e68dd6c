"""How an upload is answered, by the API and by the page that uploads."""

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
    """Take files in with their texts. said: the fields of the request as they were sent, which `key` stands for."""

    def answer(media_id: uuid.UUID | None) -> UploadAnswer:  # noqa: ARG001 - by their bytes pictures are the same anyway
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
    """Take in a picture that a worker will fetch."""

    def answer(media_id: uuid.UUID | None) -> UploadAnswer:
        upload = accept_link(services, body.url, body.media_text(), media_id=media_id)
        return _answer(response, wait_for_groups(services, [upload], wait_seconds))

    def fingerprint() -> bytes:
        return fingerprint_of(["POST /media/from-url", body.model_dump(mode="json")], [])

    return answer_once(services, caller, key, fingerprint, response, answer)


def _answer(response: Response, uploads: Sequence[Upload]) -> UploadAnswer:
    """200 where nothing is left to be done, with the address of the picture where it is only one."""
    kept = [one for one in uploads if one.media_id is not None]
    if all(one.duplicate or one.is_settled for one in kept):
        response.status_code = HTTPStatus.OK
    if len(kept) == 1:
        response.headers["Location"] = f"/media/{kept[0].media_id}"
    return UploadAnswer.of(uploads)
