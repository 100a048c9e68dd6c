"""Errors as pages: the same look as everything else, with what to do next."""

import logging
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from backend.admin.templating import render
from backend.api.problems import RETRY_AFTER_SECONDS, status_of
from backend.errors import MediaclusterError

logger = logging.getLogger(__name__)


def install_error_pages(app: FastAPI) -> None:
    """Make every error of this app a page, or a fragment where htmx asks."""
    app.add_exception_handler(MediaclusterError, _from_error)
    app.add_exception_handler(RequestValidationError, _from_validation)
    app.add_exception_handler(HTTPException, _from_http)
    app.add_exception_handler(Exception, _from_unexpected)


def error_page(request: Request, error: MediaclusterError) -> Response:
    """The page of an error, for whoever stands before the handlers."""
    status = status_of(error.code)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("%s: %s", error.code, error, exc_info=error.__cause__)
    page = _page(request, status, error.code, error.detail, error.hint)
    if seconds := error.context.get("retry_after_seconds"):
        page.headers["Retry-After"] = str(seconds)
    return page


def _from_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, MediaclusterError)
    return error_page(request, error)


def _from_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    detail = "; ".join(f"{'.'.join(map(str, item['loc'][1:]))}: {item['msg']}" for item in error.errors())
    return _page(request, HTTPStatus.BAD_REQUEST, "malformed_request", detail, None)


def _from_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    if status is HTTPStatus.NOT_FOUND:
        return _page(request, status, "not_found", "There is no such page.", "Start again from the groups.")
    return _page(request, status, "http_error", str(error.detail), None)


def _from_unexpected(request: Request, error: Exception) -> Response:
    logger.error("Unexpected error", exc_info=error)
    detail = "Something went wrong on our side; the log says what."
    return _page(request, HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", detail, None)


def _page(request: Request, status: HTTPStatus, code: str, detail: str, hint: str | None) -> Response:
    template = "partials/problem.html" if "hx-request" in request.headers else "problem.html"
    response = render(
        request, template, status=int(status), code=code, detail=detail, hint=hint, active=None, status_code=status
    )
    # Scripts show these in a toast.
    response.headers["X-Problem-Code"] = code
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response
