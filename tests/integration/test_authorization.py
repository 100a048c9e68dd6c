"""Who may do what: every route of the API and of the pages, with every kind of credential.

The tables name each route once. A new route fails `test_tables__name_every_route` until it is put where it belongs.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import anyio
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.testclient import TestClient

from backend.cli.keys import read_keys, revoke_key
from backend.features.access import Browser, create_account, hash_secret, log_in, remove_account
from backend.features.access.tokens import csrf_token_of
from backend.features.services import Services
from backend.features.steps import open_active_space
from backend.web.pages.static_files import static_path
from backend.web.server import create_web_app
from tests.support.clients import PASSWORD, mounted

API = {
    "anyone": """
        GET /health/live
        GET /health/ready
        GET /widget/similar-media.js
    """,
    "read": """
        GET /openapi.json
        GET /docs
        GET /docs/mark.svg
        GET /docs/reference.css
        GET /docs/reference.js
        GET /redoc
        GET /media
        POST /media/known
        GET /media/{media_id}
        GET /media/{media_id}/similar
        GET /media/{media_id}/alpha
        GET /media/{media_id}/thumbnail
        GET /media/{media_id}/original
        GET /search
        POST /search
        GET /clusters
        GET /clusters/{cluster_id}
        GET /clusters/{cluster_id}/split-proposal
        GET /history
        GET /review
        GET /near-duplicates
        GET /exact-copies
        GET /judgements
        GET /metrics
    """,
    "upload": """
        POST /media
        POST /media/from-url
        POST /media/{media_id}/retry
    """,
    "curate": """
        PATCH /media/{media_id}
        DELETE /media/{media_id}
        POST /media/move
        POST /media/extract
        POST /media/confirm
        POST /media/delete
        POST /clusters/{cluster_id}/rename
        POST /clusters/{cluster_id}/representative
        POST /clusters/{cluster_id}/lock
        POST /clusters/{cluster_id}/unlock
        POST /clusters/{cluster_id}/merge
        POST /clusters/{cluster_id}/split
        POST /clusters/{cluster_id}/dissolve
        POST /history/{event_id}/undo
        POST /history/{event_id}/redo
        POST /review/decisions
        POST /review/decisions/take-back
        POST /near-duplicates/decisions
        POST /judgements
        POST /judgements/delete
        POST /judgements/pictures
    """,
    "admin": """
        POST /media/from-folder
        POST /webhooks
        GET /webhooks
        DELETE /webhooks/{webhook_id}
    """,
}
"""The routes of the API, by the least scope that may use them."""

PAGES = {
    "anyone": """
        GET /login
        POST /login
        GET /static
    """,
    "curator": """
        GET /
        GET /clusters/found
        GET /clusters/wall
        GET /clusters/cards
        GET /clusters/news
        GET /clusters/{cluster_id}
        GET /clusters/{cluster_id}/members
        GET /clusters/{cluster_id}/ids
        GET /clusters/{cluster_id}/halves
        POST /curation/preview
        POST /curation/perform
        POST /curation/events/{event_id}/undo
        POST /curation/events/{event_id}/redo
        GET /curation/targets
        GET /curation/history
        GET /media/{media_id}
        GET /media/{media_id}/news
        GET /media/{media_id}/similar
        GET /media/{media_id}/original
        POST /media/{media_id}/retry
        POST /media/{media_id}/text
        GET /search
        POST /search/hits
        GET /upload
        POST /upload/known
        POST /upload/file
        POST /upload/url
        POST /upload/progress
        POST /upload/stream
        GET /review
        GET /review/items
        GET /review/counts
        GET /review/marked
        POST /review/decisions
        POST /review/decisions/take-back
        POST /review/near-duplicates
        POST /review/near-duplicates/take-back
        POST /review/marked/delete
        GET /quality
        GET /quality/figures
        POST /quality/figures/measure
        POST /quality/threshold/preview
        POST /quality/threshold/apply
        POST /quality/events/{event_id}/undo
        GET /quality/judgements
        GET /quality/judgements/rows
        POST /quality/judgements/take-back
        GET /quality/labels
        GET /quality/labels/state
        POST /quality/labels/evaluate
        GET /quality/map
        GET /quality/map/state
        POST /quality/map/draw
        GET /quality/map/points
        GET /quality/map/points/{place}
        GET /judgements/pictures/{sha256}
        POST /judgements
        POST /judgements/picture
        POST /judgements/said
        GET /pictures/{sha256}/{size}
        GET /account
        POST /account/password
        POST /account/sessions/{session_id}/revoke
        POST /logout
    """,
    "admin": """
        GET /model
        GET /model/state
        GET /model/ask/create
        GET /model/ask/rollback
        GET /model/spaces/{space_id}/ask/{what}
        POST /model/spaces
        POST /model/spaces/{space_id}/fill
        POST /model/spaces/{space_id}/pause
        POST /model/spaces/{space_id}/compare
        POST /model/spaces/{space_id}/activate
        POST /model/spaces/{space_id}/drop
        POST /model/rollback
        GET /operations
        GET /operations/live
        GET /operations/charts
        GET /operations/room
        GET /operations/failures
        POST /operations/retry
        POST /operations/pause
        POST /operations/resume
        POST /operations/audit
    """,
}
"""The routes of the pages below /admin, by who may use them at least."""

BY_POWER = ("read", "upload", "curate", "admin")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
MEDIA = "01a20757-dbbc-7203-b2a8-d64a814c904f"
FILLED = {"media_id": MEDIA, "sha256": "0" * 64, "size": "small", "what": "fill"}
COOKIE = "mediacluster-80"
Ask = Callable[[str, str, Mapping[str, str]], int]


def rows(table: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """The rows of a table: who may at least, method, path."""
    for least, lines in table.items():
        for line in lines.split("\n"):
            if line.strip():
                method, path = line.split()
                yield least, method, path


def fill(path: str) -> str:
    if path == "/static":
        return f"{static_path()}/css/tokens.css"
    return re.sub(r"\{(\w+)\}", lambda found: FILLED.get(found[1], "999999"), path)


def routes_of(app: Any) -> set[tuple[str, str]]:
    """Method and path of each route. Those of static files and of other applications have no method, and count as GET."""
    return {
        (method, re.sub(r"^/static/\w+$", "/static", str(found.path or getattr(found.route, "path", ""))))
        for found in iter_route_contexts(app.routes)
        for method in (found.methods or {"GET"}) - {"HEAD"}
    }


def open_asking(app: FastAPI, client: TestClient) -> Ask:
    """Ask an application for the status of a call with an empty body. It is left as soon as the status is known, because some
    answers are streams without an end."""

    async def call(method: str, path: str, headers: Mapping[str, str]) -> int:
        statuses: list[int] = []
        answered = anyio.Event()
        asked = False

        async def receive() -> dict[str, Any]:
            nonlocal asked
            if asked:
                await anyio.sleep_forever()
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Mapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])
                answered.set()

        sent = {"host": "testserver", **headers}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": b"",
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in sent.items()],
            "client": ("127.0.0.1", 50_000),
            "server": ("testserver", 80),
            "state": {},
        }
        async with anyio.create_task_group() as calls:
            calls.start_soon(app, scope, receive, send)
            with anyio.fail_after(60):
                await answered.wait()
            calls.cancel_scope.cancel()
        return statuses[0]

    assert client.portal is not None
    return lambda method, path, headers: client.portal.call(call, method, path, headers)  # type: ignore[union-attr]


@pytest.fixture
def open_ask(make_services: Callable[..., Services], open_client: Callable[..., TestClient]) -> Callable[[str], Ask]:
    """Open an application that authenticates in one of the three ways."""

    def open_one(authentication: str) -> Ask:
        services = make_services(authentication=authentication, uploads_per_minute=0, searches_per_minute=0)
        open_active_space(services)
        client = open_client(services)
        assert isinstance(client.app, FastAPI)
        return open_asking(client.app, client)

    return open_one


def spellings(path: str) -> Iterator[str]:
    """The same path, as somebody would write it who wants to get around a check."""
    yield f"{path}/"
    yield f"/{path}"
    yield path.upper()
    yield f"{path};x=1"
    yield f"{path}/."
    yield f"{path}/../{path.rsplit('/', 1)[-1]}"
    yield f"{path}%20"
    yield f"{path}\x00"
    head, _, tail = path.rpartition("/")
    yield f"{head}//{tail}"
    yield f"{head}/./{tail}"
    yield f"{head}/x/../{tail}"


def log_in_as(services: Services, role: str, name: str = "ada") -> str:
    """The secret of a session of a new account."""
    create_account(services.database, name, role, PASSWORD, actor="test")
    browser = Browser("127.0.0.1", "test")
    return log_in(services.database, name, PASSWORD, browser, session_seconds=3600)


def cookie(secret: str) -> dict[str, str]:
    return {"Cookie": f"{COOKIE}={secret}"}


def with_token(secret: str) -> dict[str, str]:
    return {**cookie(secret), "X-CSRF-Token": csrf_token_of(secret)}


# --- the tables -----------------------------------------------------------------------------------------------


def test_tables__name_every_route(services: Services) -> None:
    app = create_web_app(services)
    assert routes_of(app) - {("GET", "/admin")} == {(method, path) for _, method, path in rows(API)}
    assert routes_of(mounted(app, "/admin")) == {(method, path) for _, method, path in rows(PAGES)}
    assert len(list(rows(API))) == len({row[1:] for row in rows(API)})
    assert len(list(rows(PAGES))) == len({row[1:] for row in rows(PAGES)})


# --- the API --------------------------------------------------------------------------------------------------


def test_api__every_route_with_every_key(
    open_ask: Callable[[str], Ask], make_key: Callable[..., dict[str, str]], services: Services
) -> None:
    ask = open_ask("keys")
    revoked = make_key("admin", name="revoked")
    revoke_key(services.database, read_keys(services.database)[0]["id"])
    here = {"Origin": "https://blog.example"}
    strangers = {
        "nobody": {},
        "an unknown key": {"Authorization": f"Bearer mc_{'A' * 43}"},
        "a revoked key": revoked,
        "a key as a password": {
            "Authorization": make_key("admin", name="basic")["Authorization"].replace("Bearer", "Basic")
        },
        "a session of the pages": cookie(log_in_as(services, "admin")),
    }
    foreign = make_key("admin", "https://shop.example", name="foreign") | here
    keys = {scope: make_key(scope, name=scope) for scope in BY_POWER}
    for least, method, path in rows(API):
        asked = f"{method} {path}"
        for who, headers in strangers.items():
            status = ask(method, fill(path), headers)
            assert (status != 401) if least == "anyone" else (status == 401), (asked, who, status)
        for scope, headers in keys.items():
            status = ask(method, fill(path), headers)
            enough = least == "anyone" or BY_POWER.index(scope) >= BY_POWER.index(least)
            assert (status not in {401, 403} and status < 500) if enough else (status == 403), (asked, scope, status)
        status = ask(method, fill(path), foreign)
        assert (status != 403) if least == "anyone" else (status == 403), (asked, "another origin", status)


def test_api__without_keys(open_ask: Callable[[str], Ask]) -> None:
    """With logins or without any authentication, anyone who reaches the API may use it, but no page of another site may."""
    elsewhere = {"Origin": "https://shop.example"}
    for authentication, most in (("login", "curate"), ("none", "admin")):
        ask = open_ask(authentication)
        for least, method, path in rows(API):
            asked = (authentication, method, path)
            status = ask(method, fill(path), {})
            enough = least == "anyone" or BY_POWER.index(most) >= BY_POWER.index(least)
            assert (status not in {401, 403} and status < 500) if enough else (status == 401), (*asked, status)
            if method != "GET" and enough:
                assert ask(method, fill(path), elsewhere) == 403, asked


def test_api__other_methods_and_spellings_open_nothing(
    open_ask: Callable[[str], Ask], make_key: Callable[..., dict[str, str]]
) -> None:
    ask = open_ask("keys")
    keys = {scope: make_key(scope, name=scope) for scope in BY_POWER}
    declared = {(method, path) for _, method, path in rows(API)}
    for least, method, path in rows(API):
        if least in {"anyone", "read"}:
            continue
        below = keys[BY_POWER[BY_POWER.index(least) - 1]]
        for other in METHODS:
            if (other, path) not in declared:
                assert ask(other, fill(path), below) >= 400, (other, path)
        for spelled in spellings(fill(path)):
            assert not 200 <= ask(method, spelled, below) < 300, (method, spelled)
            assert not 200 <= ask(method, spelled, {}) < 300, (method, spelled)


# --- the pages ------------------------------------------------------------------------------------------------


def test_pages__every_route_with_every_session(
    open_ask: Callable[[str], Ask], make_key: Callable[..., dict[str, str]], services: Services
) -> None:
    ask = open_ask("login")
    admin, curator = log_in_as(services, "admin"), log_in_as(services, "curator", "carl")
    ended, removed = log_in_as(services, "admin", "eve"), log_in_as(services, "admin", "rob")
    with services.database.transaction() as session:
        session.execute(
            sa.text("UPDATE account_session SET expires_at = now() WHERE token_sha256 = :it"),
            {"it": hash_secret(ended)},
        )
    remove_account(services.database, "rob", actor="test")
    strangers = {
        "nobody": {},
        "a forged session": with_token("A" * 43),
        "a session that has ended": with_token(ended),
        "a session of an account that is gone": with_token(removed),
        "a key of the API": make_key("admin"),
        "the token of a session without its cookie": {"X-CSRF-Token": csrf_token_of(admin)},
    }
    for least, method, path in rows(PAGES):
        asked = f"{method} {path}"
        address = f"/admin{fill(path)}"
        is_safe = method == "GET"
        if (method, path) == ("POST", "/login"):
            continue  # asks for a password instead: test_accounts.py
        for who, headers in strangers.items():
            for more in ({}, {"Accept": "text/html"}, {"HX-Request": "true"}):
                status = ask(method, address, {**headers, **more})
                told = {303, 401} if is_safe and "Accept" in more else {401}
                assert (status not in told) if least == "anyone" else (status in told), (asked, who, status)
        if path == "/logout":
            continue  # ends the session that it is asked with: test_accounts.py
        for who, secret in {"curator": curator, "admin": admin}.items():
            status = ask(method, address, with_token(secret))
            enough = who == "admin" or least != "admin"
            assert (status not in {401, 403} and status < 500) if enough else (status == 403), (asked, who, status)
            if least != "anyone" and not is_safe:
                other = admin if who == "curator" else curator
                for token in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": csrf_token_of(other)}):
                    assert ask(method, address, {**cookie(secret), **token}) == 403, (asked, who, token)
            if not is_safe:
                elsewhere = {**with_token(secret), "Origin": "https://shop.example"}
                assert ask(method, address, elsewhere) == 403, (asked, who, "from another site")


def test_pages__other_methods_and_spellings_open_nothing(open_ask: Callable[[str], Ask], services: Services) -> None:
    ask = open_ask("login")
    curator = with_token(log_in_as(services, "curator"))
    declared = {(method, path) for _, method, path in rows(PAGES)}
    for least, method, path in rows(PAGES):
        if least == "anyone":
            continue
        for spelled in spellings(f"/admin{fill(path)}"):
            assert not 200 <= ask(method, spelled, {}) < 300, (method, spelled)
            if least == "admin":
                assert not 200 <= ask(method, spelled, curator) < 300, (method, spelled)
        if least == "admin":
            for other in METHODS:
                if (other, path) not in declared:
                    assert ask(other, f"/admin{fill(path)}", curator) >= 400, (other, path)
