"""Login by password or link, and logout."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from backend.errors import LoginFailed, RateLimited
from backend.features.access import Browser, Sessions, log_in, log_in_by_link
from backend.web.api.dependencies import ServicesDependency
from backend.web.middleware.authentication import client_address
from backend.web.middleware.problems import status_of
from backend.web.pages.cookies import clear_secret, read_secret, set_secret
from backend.web.pages.signing_in import safe_next
from backend.web.pages.templating import link, render

router = APIRouter()

_MOST_CHARACTERS = 1000


@router.get("/login")
def show_login(request: Request, next: Annotated[str, Query(max_length=2000)] = "") -> Response:  # noqa: A002 - its name in the address
    """Show the login form. The secret of a login link is in the fragment (#) of the address, which browsers do not send and no log contains."""
    if getattr(request.state, "visitor", None) is not None:
        return RedirectResponse(link("/"), HTTPStatus.SEE_OTHER)
    return render(request, "login.html", error=None, name="", next=safe_next(next))


@router.post("/login")
def do_login(
    request: Request,
    services: ServicesDependency,
    name: Annotated[str, Form(max_length=_MOST_CHARACTERS)] = "",
    password: Annotated[str, Form(max_length=_MOST_CHARACTERS)] = "",
    link_secret: Annotated[str, Form(alias="link", max_length=_MOST_CHARACTERS)] = "",
    next: Annotated[str, Form(max_length=2000)] = "",  # noqa: A002 - its name in the form
) -> Response:
    """Log in. Always creates a new session, whatever cookie the browser sent."""
    browser = Browser(client_address(request.scope), request.headers.get("user-agent", ""), read_secret(request.scope))
    seconds = services.settings.session_max_seconds
    try:
        if link_secret:
            secret = log_in_by_link(services.database, link_secret, browser, session_seconds=seconds)
        else:
            secret = log_in(services.database, name, password, browser, session_seconds=seconds)
    except (LoginFailed, RateLimited) as error:
        headers = {"X-Problem-Code": error.code}
        if isinstance(error, RateLimited):
            headers["Retry-After"] = str(error.context["retry_after_seconds"])
        return render(
            request,
            "login.html",
            error=error,
            name=name,
            next=safe_next(next),
            status_code=status_of(error.code),
            headers=headers,
        )
    response = RedirectResponse(safe_next(next), HTTPStatus.SEE_OTHER, headers={"Cache-Control": "no-store"})
    set_secret(response, request.scope, secret, seconds=seconds)
    return response


@router.post("/logout")
def do_logout(request: Request) -> Response:
    secret = read_secret(request.scope)
    sessions = request.app.state.sessions
    assert isinstance(sessions, Sessions)
    if secret is not None:
        sessions.end(request.state.visitor, secret)
    response = Response(status_code=HTTPStatus.NO_CONTENT, headers={"HX-Redirect": link("/login")})
    clear_secret(response, request.scope)
    return response
