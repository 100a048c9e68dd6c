"""The account page: sessions and password."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Path, Request, Response

from backend.bounds import ID
from backend.errors import InputError, NotFound
from backend.features.access import LEAST_CHARACTERS, Browser, Visitor, check_password, revoke_session, set_password
from backend.store.access import get_account, list_sessions
from backend.web.api.dependencies import ServicesDependency
from backend.web.middleware.authentication import client_address
from backend.web.pages.templating import render

router = APIRouter()


def get_visitor(request: Request) -> Visitor:
    """The logged-in visitor. Raises NotFound if no login is required."""
    visitor = request.state.visitor
    assert isinstance(visitor, Visitor)
    if visitor.session_id is None:
        raise NotFound("Logins are switched off.", hint="MEDIACLUSTER_AUTHENTICATION is none.")
    return visitor


VisitorDependency = Annotated[Visitor, Depends(get_visitor)]
SessionId = Annotated[int, Path(ge=ID.low, le=ID.high)]
NewPassword = Annotated[str, Form(alias="new", max_length=1000)]


@router.get("/account")
def show_account(request: Request, services: ServicesDependency, visitor: VisitorDependency) -> Response:
    """Show the sessions of the account; admins see those of all accounts."""
    with services.database.transaction() as session:
        sessions = list_sessions(
            session,
            idle_seconds=services.settings.session_idle_seconds,
            account_id=None if visitor.is_admin else visitor.account_id,
        )
        has_password = get_account(session, visitor.name).password_hash is not None
    return render(
        request,
        "account.html",
        active="account",
        sessions=sessions,
        has_password=has_password,
        least_characters=LEAST_CHARACTERS,
    )


@router.post("/account/sessions/{session_id}/revoke")
def do_revoke(services: ServicesDependency, visitor: VisitorDependency, session_id: SessionId) -> Response:
    own = None if visitor.is_admin else visitor.account_id
    revoke_session(services.database, session_id, actor=visitor.actor, account_id=own)
    return Response(headers={"HX-Refresh": "true"})


@router.post("/account/password")
def do_change_password(
    request: Request,
    services: ServicesDependency,
    visitor: VisitorDependency,
    new: NewPassword,
    current: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """Change the password and end the other sessions of the account."""
    browser = Browser(client_address(request.scope), request.headers.get("user-agent", ""))
    if not check_password(services.database, visitor.name, current, browser):
        raise InputError(
            "That is not your password.", hint="If you have forgotten it, run `mediacluster account password`."
        )
    set_password(services.database, visitor.name, new, actor=visitor.actor, keep_session_id=visitor.session_id)
    return Response(status_code=HTTPStatus.OK, headers={"HX-Refresh": "true"})
