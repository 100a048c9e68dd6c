"""Errors as Problem Details (RFC 9457), with the stable code of their class."""

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from backend.errors import IdempotencyInProgress, MediaclusterError, StorageFull
from backend.files.storage import FULL

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5

# Classes without an entry take the status of the nearest parent that has one: see `status_of`.
_STATUS_BY_CODE = {
    "malformed_request": HTTPStatus.BAD_REQUEST,
    "invalid_text": HTTPStatus.BAD_REQUEST,
    "invalid_vector": HTTPStatus.BAD_REQUEST,
    "invalid_record": HTTPStatus.BAD_REQUEST,
    "file_unreadable": HTTPStatus.BAD_REQUEST,
    "unauthorized": HTTPStatus.UNAUTHORIZED,
    "login_failed": HTTPStatus.UNAUTHORIZED,
    "forbidden": HTTPStatus.FORBIDDEN,
    "csrf_failed": HTTPStatus.FORBIDDEN,
    "not_found": HTTPStatus.NOT_FOUND,
    "original_missing": HTTPStatus.NOT_FOUND,
    "conflict": HTTPStatus.CONFLICT,
    "undo_blocked": HTTPStatus.CONFLICT,
    "lease_lost": HTTPStatus.CONFLICT,
    "idempotency_in_progress": HTTPStatus.CONFLICT,
    "idempotency_mismatch": HTTPStatus.UNPROCESSABLE_ENTITY,
    "request_timeout": HTTPStatus.REQUEST_TIMEOUT,
    "file_too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "unsupported_format": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "image_corrupt": HTTPStatus.UNPROCESSABLE_ENTITY,
    "image_truncated": HTTPStatus.UNPROCESSABLE_ENTITY,
    "too_many_pixels": HTTPStatus.UNPROCESSABLE_ENTITY,
    "decode_crash": HTTPStatus.UNPROCESSABLE_ENTITY,
    "metadata_too_large": HTTPStatus.UNPROCESSABLE_ENTITY,
    "invalid_query": HTTPStatus.UNPROCESSABLE_ENTITY,
    "url_forbidden": HTTPStatus.UNPROCESSABLE_ENTITY,
    "path_forbidden": HTTPStatus.UNPROCESSABLE_ENTITY,
    "rate_limited": HTTPStatus.TOO_MANY_REQUESTS,
    "backend_unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "database_read_only": HTTPStatus.SERVICE_UNAVAILABLE,
    # The installation is at fault, not the request: the same request works once it is fixed.
    "configuration_error": HTTPStatus.SERVICE_UNAVAILABLE,
    "space_incomplete": HTTPStatus.CONFLICT,
    "not_in_space": HTTPStatus.CONFLICT,
    "space_mismatch": HTTPStatus.SERVICE_UNAVAILABLE,
    "fidelity_too_low": HTTPStatus.SERVICE_UNAVAILABLE,
    "encoder_unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "storage_full": HTTPStatus.INSUFFICIENT_STORAGE,
}

_CODE_BY_STATUS = {
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
    HTTPStatus.BAD_REQUEST: "malformed_request",
}


class Problem(BaseModel):
    """An error. `code` is stable; `detail` is for people."""

    type: str = Field("about:blank", description="Always about:blank. Use `code` to tell problems apart.")
    title: str = Field(description="The HTTP status in words.")
    status: int
    code: str = Field(description="Stable identifier of the error.")
    detail: str
    hint: str | None = Field(None, description="What to do next.")

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "about:blank",
                    "title": "Unsupported Media Type",
                    "status": 415,
                    "code": "unsupported_format",
                    "detail": "The file is not a picture in a supported format.",
                    "hint": "Send JPEG, PNG, WebP, GIF, HEIC, AVIF or TIFF.",
                }
            ]
        },
    )


def status_of(code: str) -> HTTPStatus:
    """The HTTP status of an error code."""
    return _STATUS_BY_CODE.get(code, HTTPStatus.INTERNAL_SERVER_ERROR)


def documented(*codes: str) -> dict[int | str, dict[str, Any]]:
    """OpenAPI entries for the problems that a route can answer with."""
    by_status: dict[int, list[str]] = {}
    for code in codes:
        by_status.setdefault(int(status_of(code)), []).append(code)
    return {
        status: {"model": Problem, "description": "Problem: " + ", ".join(names), "content": {MEDIA_TYPE: {}}}
        for status, names in by_status.items()
    }


def install_problem_handlers(app: FastAPI) -> None:
    """Make every error of this app respond with a Problem."""
    app.add_exception_handler(MediaclusterError, from_error)
    app.add_exception_handler(RequestValidationError, from_validation)
    app.add_exception_handler(HTTPException, from_http)
    app.add_exception_handler(Exception, from_unexpected)


def problem_response(status: HTTPStatus, code: str, detail: str, hint: str | None = None, **more: Any) -> JSONResponse:
    """Create a Problem response. 503 and 429 carry `Retry-After`."""
    problem = Problem.model_validate(
        {"title": status.phrase, "status": int(status), "code": code, "detail": detail, "hint": hint, **more}
    )
    later = status is HTTPStatus.SERVICE_UNAVAILABLE or code == IdempotencyInProgress.code
    seconds = more.get("retry_after_seconds", RETRY_AFTER_SECONDS if later else None)
    headers = None if seconds is None else {"Retry-After": str(seconds)}
    return JSONResponse(
        problem.model_dump(exclude_none=True, mode="json"), status_code=status, media_type=MEDIA_TYPE, headers=headers
    )


def from_error(_request: Request, error: Exception) -> JSONResponse:
    """Handle a `MediaclusterError`. The pages use these handlers for requests of their scripts."""
    assert isinstance(error, MediaclusterError)
    return error_response(error)


def error_response(error: MediaclusterError) -> JSONResponse:
    """The Problem response of an error, for middleware that runs before the handlers."""
    status = status_of(error.code)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("%s: %s", error.code, error.full_detail, exc_info=error.__cause__)
    return problem_response(status, error.code, error.detail, error.hint, **error.context)


def from_validation(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    mistakes = [{"where": ".".join(map(str, item["loc"])), "message": item["msg"]} for item in error.errors()]
    detail = "; ".join(f"{mistake['where']}: {mistake['message']}" for mistake in mistakes)
    return problem_response(HTTPStatus.BAD_REQUEST, "malformed_request", detail, mistakes=mistakes)


def from_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    cause = error.__cause__
    if isinstance(cause, OSError) and cause.errno in FULL:
        # Large uploads are spooled to the temporary folder while they arrive.
        full = StorageFull(
            "The server's disk is full; the upload cannot be stored.", hint="Free disk space, then try again."
        )
        return from_error(request, full)
    status = HTTPStatus(error.status_code)
    return problem_response(status, _CODE_BY_STATUS.get(status, "http_error"), str(error.detail))


def log_unexpected(error: Exception) -> None:
    """Log an error once, even if several handlers and middlewares see it."""
    if not getattr(error, "is_logged", False):
        error.is_logged = True  # type: ignore[attr-defined]
        logger.error("Unexpected error", exc_info=error)


def from_unexpected(_request: Request, error: Exception) -> JSONResponse:
    log_unexpected(error)
    return problem_response(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "internal_error",
        "Something went wrong on the server. The server log has details.",
    )
