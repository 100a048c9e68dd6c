"""Accounts of the admin pages: login, lifetime of sessions, CSRF tokens, and what is stored."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.profiles import RFC_9106_LOW_MEMORY
from fastapi.routing import iter_route_contexts
from pydantic import SecretStr
from starlette.testclient import TestClient
from typer.testing import CliRunner

from backend.cli import app as cli
from backend.errors import Conflict, InputError, NotFound
from backend.features.access import (
    Sessions,
    create_account,
    hash_secret,
    is_password,
    make_login_link,
    network_of,
    remove_account,
    set_password,
)
from backend.features.access.passwords import hash_password
from backend.features.access.tokens import csrf_token_of
from backend.features.services import Services
from backend.store.engine import Database
from backend.web.pages import navigation
from backend.web.pages.navigation import Entry
from backend.web.pages.signing_in import safe_next
from backend.web.server import create_web_app
from tests.support.clients import PASSWORD, Response, mounted
from tests.support.clock import SetClock

COOKIE = "mediacluster-80"
HTML = {"Accept": "text/html,*/*"}

pytestmark = pytest.mark.usefixtures("cheap_hashes")


def log_in(client: TestClient, name: str = "ada", password: str = PASSWORD, **more: str) -> Response:
    return client.post("/admin/login", data={"name": name, "password": password, **more})


def csrf(client: TestClient, cookie: str = COOKIE) -> dict[str, str]:
    return {"X-CSRF-Token": csrf_token_of(client.cookies[cookie])}


def acts(database: Database) -> list[tuple[str, str, str]]:
    with database.transaction() as session:
        rows = session.execute(sa.text("SELECT actor, act, subject FROM audit_log ORDER BY id"))
        return [(row.actor, row.act, row.subject) for row in rows]


def execute(database: Database, statement: str) -> Any:
    with database.transaction() as session:
        return session.execute(sa.text(statement))


# --- login ----------------------------------------------------------------------------------------------------


def test_pages__strangers_are_led_to_the_login(visitor: TestClient) -> None:
    answer = visitor.get("/admin/clusters/3?sort=size", headers=HTML)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/admin/login?next=%2Fadmin%2Fclusters%2F3%3Fsort%3Dsize"
    page = visitor.get(answer.headers["location"])
    assert page.status_code == 200
    assert 'value="/admin/clusters/3?sort=size"' in page.text
    assert "data-cluster" not in page.text
    picture = visitor.get(f"/admin/pictures/{'0' * 64}/small")
    assert (picture.status_code, picture.headers["x-problem-code"]) == (401, "unauthorized")
    fragment = visitor.get(
        "/admin/curation/history?cluster_id=1",
        headers={"HX-Request": "true", "Referer": "http://testserver/admin/clusters/1"},
    )
    assert fragment.status_code == 401
    assert fragment.headers["hx-redirect"] == "/admin/login?next=%2Fadmin%2Fclusters%2F1"
    assert visitor.post("/admin/curation/perform", json={}).status_code == 401
    style = re.search(r'href="(/admin/static/[^"]+css)"', page.text)
    assert style
    assert visitor.get(style[1]).status_code == 200


def test_every_page_asks(visitor: TestClient, asking: Services) -> None:
    admin = mounted(create_web_app(asking), "/admin")
    paths = [(found.path, method) for found in iter_route_contexts(admin.routes) for method in found.methods or ()]
    assert len(paths) > 15
    for path, method in paths:
        if path == "/login":
            continue
        filled = re.sub(r"\{\w+\}", "1", path or "")
        answer = visitor.request(method, f"/admin{filled}", headers=HTML)
        assert answer.status_code == (303 if method in {"GET", "HEAD"} else 401), (method, path)


def test_login__lets_in_and_out(visitor: TestClient, asking: Services) -> None:
    answer = log_in(visitor, next="/admin/search?q=sea")
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin/search?q=sea")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/admin" in cookie
    assert "Secure" not in cookie
    page = visitor.get("/admin/")
    assert page.status_code == 200
    assert csrf(visitor)["X-CSRF-Token"] in page.text
    assert visitor.cookies[COOKIE] not in page.text
    out = visitor.post("/admin/logout", headers=csrf(visitor))
    assert (out.status_code, out.headers["hx-redirect"]) == (204, "/admin/login")
    assert COOKIE not in visitor.cookies
    assert visitor.get("/admin/", headers=HTML).status_code == 303
    assert [act for _actor, act, _of in acts(asking.database)][-2:] == ["login.succeeded", "session.ended"]


def test_logout__ends_the_session_itself(visitor: TestClient) -> None:
    log_in(visitor)
    secret, headers = visitor.cookies[COOKIE], csrf(visitor)
    visitor.post("/admin/logout", headers=headers)
    assert visitor.get("/admin/", headers={"Cookie": f"{COOKIE}={secret}"}).status_code == 401


def test_login__over_https(open_visitor: Callable[..., TestClient]) -> None:
    client = open_visitor("https://testserver")
    cookie = log_in(client).headers["set-cookie"]
    assert cookie.startswith("__Host-mediacluster=")
    assert "Secure" in cookie
    assert "Path=/;" in cookie
    assert "domain" not in cookie.lower()
    assert client.get("/admin/").status_code == 200
    # A cookie that anybody on the network could have set counts for nothing there.
    secret = client.cookies["__Host-mediacluster"]
    client.cookies.clear()
    for name in ("mediacluster-80", "mediacluster-443"):
        assert client.get("/admin/", headers={"Cookie": f"{name}={secret}"}).status_code == 401


def test_session__beside_cookies_of_other_applications(visitor: TestClient) -> None:
    """Cookies know no ports: whatever else runs on the machine has its own sent along."""
    log_in(visitor)
    own = f"{COOKIE}={visitor.cookies[COOKIE]}"
    visitor.cookies.clear()
    for others in ('prefs={"theme":"dark"}; {}', "{}; a b=[1,2]", "; =; odd; {}; x={}x", 'q="half; {}'):
        assert visitor.get("/admin/", headers={"Cookie": others.replace("{}", own)}).status_code == 200, others


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("ada", "correct horse batterz"),
        ("nobody", PASSWORD),
        ("ada", ""),
        ("", ""),
        ("a\nb", PASSWORD),
        ("a\0b", PASSWORD),
        ("x" * 900, "y" * 900),
    ],
)
def test_login__wrong(visitor: TestClient, name: str, password: str) -> None:
    answer = log_in(visitor, name, password)
    assert (answer.status_code, answer.headers["x-problem-code"]) == (401, "login_failed")
    assert "The name or the password is wrong." in answer.text
    assert "set-cookie" not in answer.headers
    assert not password or password not in answer.text


def test_login__one_hash_is_computed_whatever_is_wrong(
    asking: Services, visitor: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_account(asking.database, "linked", "curator", None, actor="test")
    verified: list[str] = []
    real = PasswordHasher.verify

    def count(hasher: Any, password_hash: str, password: bytes) -> bool:
        verified.append(password_hash)
        return bool(real(hasher, password_hash, password))

    monkeypatch.setattr(PasswordHasher, "verify", count)
    texts = {re.sub(r'value="\w+"', "", log_in(visitor, name, "wrong").text) for name in ("ada", "nobody", "linked")}
    assert len(verified) == 3
    assert len({password_hash.rpartition("$")[0].rpartition("$")[0] for password_hash in verified}) == 1
    assert len(texts) == 1


def test_login__a_stranger_cannot_send_much(visitor: TestClient) -> None:
    def body() -> Iterator[bytes]:
        for _ in range(3):
            yield b"name=" + b"x" * 40_000

    answer = visitor.post("/admin/login", content=body(), headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status_code == 413


def test_login__name_in_any_case(visitor: TestClient) -> None:
    assert log_in(visitor, " ADA ").status_code == 303


def test_login__a_new_session_each_time(visitor: TestClient, asking: Services) -> None:
    planted = log_in(visitor, "carl")
    assert planted.status_code == 303
    first = visitor.cookies[COOKIE]
    log_in(visitor)
    assert visitor.cookies[COOKIE] != first
    assert visitor.get("/admin/", headers={"Cookie": f"{COOKIE}={first}"}).status_code == 401
    assert execute(asking.database, "SELECT count(*) FROM account_session").scalar_one() == 1


def test_login__from_another_site(visitor: TestClient) -> None:
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://elsewhere.example"}):
        answer = visitor.post("/admin/login", data={"name": "ada", "password": PASSWORD}, headers=headers)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example",
        "https://evil.example/admin/",
        "/admin//evil",
        "/\\evil.example",
        "/media",
        "/admin/login",
        "javascript:1",
        "//[",
        "http://[",
        "/admin/\n",
    ],
)
def test_safe_next__elsewhere(wanted: str) -> None:
    assert safe_next(wanted) == "/admin/"


def test_login__from_an_address_that_cannot_be_read(visitor: TestClient) -> None:
    assert visitor.get("/admin/login", params={"next": "//["}).status_code == 200
    fragment = visitor.get("/admin/curation/history", headers={"HX-Request": "true", "HX-Current-URL": "http://["})
    assert (fragment.status_code, fragment.headers["hx-redirect"]) == (401, "/admin/login")
    refused = visitor.post("/admin/login", data={"name": "ada"}, headers={"Origin": "http://["})
    assert (refused.status_code, refused.headers.get("content-type", "")[:24]) == (403, "application/problem+json")


# --- how often -------------------------------------------------------------------------------------------------


def test_login__five_wrong_passwords(open_visitor: Callable[..., TestClient], asking: Services) -> None:
    client = open_visitor()
    for _ in range(5):
        assert log_in(client, password="wrong").status_code == 401
    answer = log_in(client)
    assert (answer.status_code, answer.headers["x-problem-code"]) == (429, "rate_limited")
    assert 880 < int(answer.headers["retry-after"]) <= 900
    # The address has had its share too; another account fares no better from there.
    assert log_in(client, "carl").status_code == 429
    _name, link = make_login_link(asking.database, "ada", actor="test")
    assert log_in(client, link=link).status_code == 303
    execute(asking.database, "UPDATE login_attempt SET attempted_at = attempted_at - interval '15 minutes'")
    assert log_in(client).status_code == 303


def test_login__an_account_from_many_addresses(visitor: TestClient, asking: Services) -> None:
    for number in range(5):
        execute(
            asking.database,
            f"INSERT INTO login_attempt (account_name, network) VALUES ('ada', '203.0.113.{number}')",
        )
    assert log_in(visitor).status_code == 429
    assert log_in(visitor, "carl").status_code == 303


def test_login__guesses_at_once_are_counted(open_visitor: Callable[..., TestClient]) -> None:
    clients = [open_visitor() for _ in range(12)]
    codes: list[int] = []
    threads = [
        threading.Thread(target=lambda one=one: codes.append(log_in(one, password="wrong").status_code))
        for one in clients
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [401] * 5 + [429] * 7


def test_login__the_right_password_costs_nothing(visitor: TestClient) -> None:
    assert [log_in(visitor).status_code for _ in range(7)] == [303] * 7


def test_network_of() -> None:
    assert network_of("2001:db8:1:2:3::4") == network_of("2001:db8:1:2::ffff") == "2001:db8:1:2::/64"
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1") == "192.0.2.1"
    assert network_of("testclient") == "testclient"


# --- links -----------------------------------------------------------------------------------------------------


def test_link__once(open_visitor: Callable[..., TestClient], asking: Services) -> None:
    name, secret = make_login_link(asking.database, None, actor="test")
    assert name == "owner"
    assert log_in(open_visitor(), link=secret).status_code == 303
    again = log_in(open_visitor(), link=secret)
    assert (again.status_code, again.headers["x-problem-code"]) == (401, "login_failed")
    assert secret not in str(execute(asking.database, "SELECT CAST(login_link AS text) FROM login_link").all())


def test_link__too_old(visitor: TestClient, asking: Services) -> None:
    _name, secret = make_login_link(asking.database, "ada", actor="test")
    execute(asking.database, "UPDATE login_link SET expires_at = now() - interval '1 second'")
    assert log_in(visitor, link=secret).status_code == 401
    with pytest.raises(NotFound):
        make_login_link(asking.database, "nobody", actor="test")


# --- how long --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE account_session SET last_seen_at = now() - interval '13 hours'",
        "UPDATE account_session SET expires_at = now()",
        "DELETE FROM account WHERE name = 'ada'",
    ],
)
def test_session__ends(visitor: TestClient, asking: Services, change: str) -> None:
    log_in(visitor)
    assert visitor.get("/admin/").status_code == 200
    execute(asking.database, change)
    assert visitor.get("/admin/").status_code == 401


def test_session__a_request_keeps_it_alive(visitor: TestClient, asking: Services) -> None:
    log_in(visitor)
    execute(asking.database, "UPDATE account_session SET last_seen_at = now() - interval '11 hours'")
    visitor.get("/admin/")
    assert execute(
        asking.database, "SELECT now() - last_seen_at < interval '1 minute' FROM account_session"
    ).scalar_one()


def test_sessions__are_listed_and_revoked(open_visitor: Callable[..., TestClient], asking: Services) -> None:
    admin, curator = open_visitor(), open_visitor()
    log_in(admin)
    log_in(curator, "carl")
    theirs, own = execute(asking.database, "SELECT id FROM account_session ORDER BY account_id DESC").scalars()
    assert admin.get("/admin/account").text.count("testclient") >= 2
    assert "ada" not in curator.get("/admin/account").text.replace("Load", "")
    assert curator.post(f"/admin/account/sessions/{own}/revoke", headers=csrf(curator)).status_code == 404
    assert admin.post(f"/admin/account/sessions/{theirs}/revoke", headers=csrf(admin)).status_code == 200
    assert curator.get("/admin/").status_code == 401
    assert ("account:ada", "session.revoked", "carl") in acts(asking.database)


def test_password__changing_it_ends_other_sessions(open_visitor: Callable[..., TestClient]) -> None:
    here, there = open_visitor(), open_visitor()
    log_in(here)
    log_in(there)
    wrong = here.post("/admin/account/password", data={"current": "x", "new": "another good one"}, headers=csrf(here))
    assert wrong.status_code == 400
    form = {"current": PASSWORD, "new": "another good one"}
    assert here.post("/admin/account/password", data=form, headers=csrf(here)).status_code == 200
    assert here.get("/admin/").status_code == 200
    assert there.get("/admin/").status_code == 401
    assert log_in(there).status_code == 401
    assert log_in(there, password="another good one").status_code == 303


def test_password__guesses_of_the_current_one_are_counted(open_visitor: Callable[..., TestClient]) -> None:
    here = open_visitor()
    log_in(here)

    def guess(current: str) -> Response:
        form = {"current": current, "new": "another good one"}
        return here.post("/admin/account/password", data=form, headers=csrf(here))

    assert [guess(f"guess {number}").status_code for number in range(5)] == [400] * 5
    refused = guess(PASSWORD)
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    assert here.get("/admin/").status_code == 200


def test_password__guesses_of_strangers_are_counted_apart(open_visitor: Callable[..., TestClient]) -> None:
    here, stranger = open_visitor(), open_visitor()
    log_in(here)
    for number in range(5):
        assert log_in(stranger, f"nobody {number}", password="wrong").status_code == 401
    assert log_in(stranger).status_code == 429  # from the same network
    form = {"current": PASSWORD, "new": "another good one"}
    assert here.post("/admin/account/password", data=form, headers=csrf(here)).status_code == 200


def test_redirects__lead_to_paths(visitor: TestClient) -> None:
    for path in ("/media/", "/admin/login/", "/admin", "/admin/nothing/", "//evil.example/media/", "/admin/"):
        answer = visitor.get(path, headers={"accept": "text/html"}, follow_redirects=False)
        target = answer.headers.get("location", "/")
        assert target.startswith("/"), (path, target)
        assert not target.startswith("//"), (path, target)
    assert visitor.get("/media/?limit=1", follow_redirects=False).headers["location"] == "/media?limit=1"


def test_sessions__thumbnails_do_not_ask_each_time(asking: Services, visitor: TestClient) -> None:
    log_in(visitor)
    clock = SetClock()
    sessions = Sessions(asking.database, idle_seconds=60, clock=clock)
    secret = visitor.cookies[COOKIE]
    assert sessions.find(secret) is not None
    remove_account(asking.database, "ada", actor="test")
    clock.pass_by(4.9)
    assert sessions.find(secret, remembered=True) is not None
    clock.pass_by(0.2)
    assert sessions.find(secret, remembered=True) is None
    assert sessions.find(secret) is None
    assert sessions.find(secret, remembered=True) is None


# --- what an unsafe request shows --------------------------------------------------------------------------------


def test_csrf__the_token_of_the_session(open_visitor: Callable[..., TestClient]) -> None:
    client, other = open_visitor(), open_visitor()
    log_in(client)
    log_in(other)
    asked = {"kind": "lock", "cluster_id": 1}
    for headers in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": "é"}, csrf(other)):
        answer = client.post(
            "/admin/curation/perform",
            json=asked,
            headers=[(name.encode(), value.encode()) for name, value in {**HTML, **headers}.items()],
        )
        assert (answer.status_code, answer.headers["x-problem-code"]) == (403, "csrf_failed")
    assert client.post("/admin/curation/perform", json=asked, headers=csrf(client)).status_code == 404
    cross = {**csrf(client), "Sec-Fetch-Site": "cross-site"}
    assert client.post("/admin/curation/perform", json=asked, headers=cross).status_code == 403


def test_roles__pages_for_admins(open_visitor: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        navigation,
        "ENTRIES",
        (*navigation.ENTRIES, Entry("secret", "Secret", "/search", "search", "x", for_admins=True)),
    )
    admin, curator = open_visitor(), open_visitor()
    log_in(admin)
    log_in(curator, "carl")
    assert admin.get("/admin/search").status_code == 200
    refused = curator.get("/admin/search", headers=HTML)
    assert (refused.status_code, refused.headers["x-problem-code"]) == (403, "forbidden")
    assert curator.post("/admin/search/hits", headers=csrf(curator)).status_code == 403
    assert "Secret" in admin.get("/admin/").text
    assert "Secret" not in curator.get("/admin/").text


def test_pages__without_a_database(visitor: TestClient, make_services: Callable[..., Services]) -> None:
    log_in(visitor)
    nowhere = SecretStr("postgresql://nobody@127.0.0.1:1/none")
    broken = create_web_app(make_services(authentication="login", database_url=nowhere))
    with TestClient(broken, raise_server_exceptions=False) as other:
        answer = other.get("/admin/", headers={"Cookie": f"{COOKIE}={visitor.cookies[COOKIE]}", **HTML})
        assert (answer.status_code, answer.headers["x-problem-code"]) == (503, "backend_unavailable")
        assert "retry-after" in answer.headers
        assert "127.0.0.1" not in answer.text  # where it is, is for the log
        assert other.get("/admin/login").status_code == 200


# --- by which name ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("testserver", 200),
        ("localhost:8000", 200),
        ("127.0.0.1", 200),
        ("[::1]:8000", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost.evil.example", 403),
        ("192.168.1.4", 403),
        ("", 403),
        ("[", 403),
    ],
)
def test_hosts__only_our_own_names(visitor: TestClient, host: str, status: int) -> None:
    assert visitor.get("/media", headers={"Host": host}).status_code == status
    assert visitor.get("/admin/login", headers={"Host": host}).status_code == status


def test_hosts__with_keys(make_services: Callable[..., Services]) -> None:
    anything = TestClient(create_web_app(make_services(authentication="keys", allowed_hosts=())))
    assert anything.get("/health/live", headers={"Host": "media.example.org"}).status_code == 200
    named = TestClient(create_web_app(make_services(authentication="keys", allowed_hosts=("media.example.org",))))
    assert named.get("/health/live", headers={"Host": "Media.example.org:443"}).status_code == 200
    assert named.get("/health/live", headers={"Host": "evil.example"}).status_code == 403


# --- what is kept ----------------------------------------------------------------------------------------------


def test_accounts__only_hashes_are_kept(visitor: TestClient, asking: Services) -> None:
    log_in(visitor)
    rows = execute(
        asking.database, "SELECT CAST(account AS text) || CAST(account_session AS text) FROM account, account_session"
    )
    kept = " ".join(rows.scalars())
    assert PASSWORD not in kept
    assert visitor.cookies[COOKIE] not in kept
    assert "$argon2id$" in kept
    stored = execute(asking.database, "SELECT token_sha256 FROM account_session").scalar_one()
    assert stored == hash_secret(visitor.cookies[COOKIE])


def test_hash_password__argon2id() -> None:
    assert PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY).memory_cost == 64 * 1024
    made = hash_password("pässword of length")
    assert made.startswith("$argon2id$")
    assert is_password(made, "pa\u0308ssword of length")
    assert not is_password(made, "password of length")
    assert not is_password(None, "nobody has this one")


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "a\nb", "../x", "<b>"])
def test_create_account__names(database: Database, name: str) -> None:
    with pytest.raises(InputError):
        create_account(database, name, "admin", None, actor="test")


def test_create_account__twice(asking: Services) -> None:
    with pytest.raises(Conflict):
        create_account(asking.database, "Ada", "admin", None, actor="test")
    with pytest.raises(InputError):
        create_account(asking.database, "bob", "admin", "short", actor="test")
    with pytest.raises(InputError):
        set_password(asking.database, "ada", "short", actor="test")


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_log SET actor = 'x'", "DELETE FROM audit_log", "TRUNCATE audit_log"]
)
def test_audit_log__is_append_only(asking: Services, statement: str) -> None:
    with pytest.raises(sa.exc.DBAPIError, match="append-only"):
        execute(asking.database, statement)


def test_cli__accounts(asking: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = asking.settings
    assert settings.database_url is not None
    monkeypatch.setenv("DATABASE_URL", settings.database_url.get_secret_value())
    monkeypatch.setenv("MEDIACLUSTER_HOME", str(settings.home_path))
    run = CliRunner()
    created = run.invoke(
        cli, ["account", "create", "Eve", "--role", "admin", "--password-stdin"], input=f"{PASSWORD}\n"
    )
    assert created.exit_code == 0, created.output
    assert run.invoke(cli, ["account", "create", "lin", "--no-password", "--json"]).exit_code == 0
    listed = json.loads(run.invoke(cli, ["account", "list", "--json"]).stdout)["accounts"]
    assert [(one["name"], one["role"], one["has_password"]) for one in listed] == [
        ("ada", "admin", True), ("carl", "curator", True), ("eve", "admin", True), ("lin", "curator", False),
    ]  # fmt: skip
    assert "argon2" not in run.invoke(cli, ["account", "list"]).stdout
    assert (
        run.invoke(cli, ["account", "password", "eve", "--password-stdin"], input="another good one\n").exit_code == 0
    )
    assert run.invoke(cli, ["account", "remove", "lin"]).exit_code == 0
    link = run.invoke(cli, ["login-link", "eve", "--base", "https://media.example.org/"]).stdout
    assert re.match(r"https://media\.example\.org/admin/login#link=[\w-]{43}\n$", link)
    assert json.loads(run.invoke(cli, ["account", "sessions", "--json"]).stdout)["sessions"] == []
    entries = json.loads(run.invoke(cli, ["audit-log", "--act", "account", "--json"]).stdout)["entries"]
    assert [(one["act"], one["subject"]) for one in entries[:2]] == [
        ("account.removed", "lin"),
        ("account.password_changed", "eve"),
    ]
    assert entries[0]["address"].startswith("command line of ")
    assert PASSWORD not in run.invoke(cli, ["audit-log"]).stdout
