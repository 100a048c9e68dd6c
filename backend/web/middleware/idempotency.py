"""`Idempotency-Key`: a request that is repeated because its response was lost gets the same response again."""

import hashlib
import json
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Annotated, Any, Protocol
from uuid import UUID

from fastapi import Header, Response, UploadFile
from pydantic import BaseModel

from backend.features.services import Services
from backend.store.access import Claim, RecordedAnswer, claim_key, record_answer, release_key, renew_claim
from backend.store.leases import ANSWER_SECONDS, renewed

REPLAYED_HEADER = "Idempotency-Replayed"
_PIECE_BYTES = 1024 * 1024

IdempotencyKeyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="A unique name that you choose for this request. A repeat within 24 hours gets the same response.",
    ),
]


class _Answerer(Protocol):
    def __call__(self, media_id: UUID | None) -> BaseModel: ...


def answer_once(
    services: Services,
    caller: str,
    key: str | None,
    fingerprint: Callable[[], bytes],
    response: Response,
    answer: _Answerer,
) -> BaseModel | dict[str, Any]:
    """Return the response recorded for this key, or call `answer` and record its response.

    `answer` gets the id to use for a picture that it creates. Errors that it raises are not recorded.

    Raises:
        IdempotencyMismatch, IdempotencyInProgress: see `claim_key`.
    """
    if key is None:
        return answer(None)
    with services.database.transaction() as session:
        claim = claim_key(session, caller, key, fingerprint(), seconds=ANSWER_SECONDS)
    if isinstance(claim, RecordedAnswer):
        response.status_code = claim.status
        response.headers[REPLAYED_HEADER] = "true"
        if location := claim.answer.get("location"):
            response.headers["Location"] = location
        body: dict[str, Any] = claim.answer["body"]
        return body
    return _answer_and_record(services, claim, response, answer)


def fingerprint_of(said: Any, files: Sequence[UploadFile]) -> bytes:
    """Hash a request to 32 bytes: its fields (as JSON) and the name and bytes of each file."""
    digest = hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode())
    for file in files:
        content = hashlib.sha256()
        while piece := file.file.read(_PIECE_BYTES):
            content.update(piece)
        file.file.seek(0)
        digest.update(json.dumps([file.filename, content.hexdigest()]).encode())
    return digest.digest()


def _answer_and_record(services: Services, claim: Claim, response: Response, answer: _Answerer) -> BaseModel:
    try:
        with renewed(services.database, lambda session: renew_claim(session, claim), claim.lease.seconds):
            answered = answer(claim.media_id)
    except BaseException:
        with services.database.transaction() as session:
            release_key(session, claim)
        raise
    kept = {"body": answered.model_dump(mode="json"), "location": response.headers.get("Location")}
    with services.database.transaction() as session:
        record_answer(session, claim, response.status_code or HTTPStatus.ACCEPTED, kept)
    return answered
