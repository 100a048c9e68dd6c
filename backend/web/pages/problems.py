"""Errors as pages, with what to do next."""

import logging
from collections.abc import Callable
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from backend.errors import MediaclusterError
from backend.web.middleware import problems
from backend.web.middleware.problems import RETRY_AFTER_SECONDS, status_of
from backend.web.pages.templating import render

logger = logging.getLogger(__name__)

_Handler = Callable[[Request, Exception], Response]


def install_error_pages(app: FastAPI) -> None:
    """Make every error of this app respond with a page, with a fragment for htmx, or with a Problem for scripts that want JSON."""
    for kind, page, problem in (
        (MediaclusterError, _from_error, problems.from_error),
        (RequestValidationError, _from_validation, problems.from_validation),
        (HTTPException, _from_http, problems.from_http),
        (Exception, _from_unexpected, problems.from_unexpected),
    ):
        app.add_exception_handler(kind, _fitting(page, problem))


def _fitting(page: _Handler, problem: _Handler) -> _Handler:
    def handle(request: Request, error: Exception) -> Response:
        return (problem if _wants_json(request) else page)(request, error)

    return handle


def _wants_json(request: Request) -> bool:
    return "application/json" in request.headers.get("accept", "")


def error_page(request: Request, error: MediaclusterError) -> Response:
    """The error as a page, or as a Problem for scripts, for middleware that runs before the handlers."""
    if _wants_json(request):
        return problems.error_response(error)
    status = status_of(error.code)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("%s: %s", error.code, error.full_detail, exc_info=error.__cause__)
    page = _page(request, status, error.code, error.detail, error.hint)
    if seconds := error.context.get("retry_after_seconds"):
        page.headers["Retry-After"] = str(seconds)
    return page


def _from_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, MediaclusterError)
    return error_page(request, error)


def _from_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    said = "; ".join(f"{'.'.join(map(str, item['loc'][1:]))}: {item['msg']}" for item in error.errors())
    return _page(request, HTTPStatus.BAD_REQUEST, "malformed_request", "This request is malformed.", f"{said}.")


def _from_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    if status is HTTPStatus.NOT_FOUND:
        return _page(request, status, "not_found", "This page does not exist.", "Go back to the list of groups.")
    return _page(request, status, "http_error", str(error.detail), None)


def _from_unexpected(request: Request, error: Exception) -> Response:
    problems.log_unexpected(error)
    detail = "Something went wrong on the server. The server log has details."
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
