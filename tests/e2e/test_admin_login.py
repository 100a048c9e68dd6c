"""Logging in and out, as a person does: by password, by link, at any width, in both themes, by keyboard alone."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from backend.features.access import create_account, make_login_link
from backend.features.services import Services
from tests.support.clients import PASSWORD

WIDE, NARROW = (1440, 900), (390, 844)


def test_login__by_password_with_the_keyboard(
    own_library: Services, own_server: str, make_page: Callable[..., Page], faults: Any
) -> None:
    faults.allow("401")
    create_account(own_library.database, "grace", "curator", PASSWORD, actor="test")
    page = make_page(anonymous=True)
    page.goto(f"{own_server}/admin/search?q=boat")
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type("grace")
    page.keyboard.press("Tab")
    page.keyboard.type("not the password")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The name or the password is wrong.")
    expect(page.get_by_label("Password")).to_be_focused()
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{own_server}/admin/search?q=boat")
    # The search is a request of htmx, with its token.
    expect(page.locator("#hits img").first).to_be_visible(timeout=30_000)
    page.get_by_role("link", name="Account").first.click()
    expect(page.get_by_role("heading", name="grace")).to_be_visible()
    expect(page.get_by_text("this browser")).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in to your library")).to_be_visible()
    page.goto(f"{own_server}/admin/")
    expect(page.get_by_role("heading", name="Log in to your library")).to_be_visible()


def test_login__by_link_once(
    own_library: Services, own_server: str, make_page: Callable[..., Page], faults: Any
) -> None:
    faults.allow("401")
    _name, secret = make_login_link(own_library.database, None, actor="test")
    page = make_page(anonymous=True)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{own_server}/admin/login#link={secret}")
    expect(page).to_have_url(f"{own_server}/admin/")
    expect(page.locator("[data-cluster]").first).to_be_visible()
    assert not [url for url in asked if secret in url.partition("#")[0]]
    cookie = next(one for one in page.context.cookies() if one["name"].startswith("mediacluster-"))
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"
    assert page.evaluate("document.cookie") == ""
    other = make_page(anonymous=True)
    other.goto(f"{own_server}/admin/login#link={secret}")
    expect(other.get_by_role("alert")).to_contain_text("has expired or was already used")


def test_session__ended_elsewhere_leads_to_the_login(
    own_library: Services, own_server: str, make_page: Callable[..., Page], faults: Any
) -> None:
    faults.allow("401")
    page = make_page()
    page.goto(f"{own_server}/admin/")
    page.locator("[data-cluster] a, a[data-item]").first.click()
    expect(page).to_have_url(re.compile("/clusters/"))
    group = page.url
    with own_library.database.transaction() as session:
        session.connection().exec_driver_sql("DELETE FROM account_session")
    page.wait_for_load_state()  # the button is deaf before its script is there
    page.locator("[data-lock]").click()
    expect(page.get_by_role("heading", name="Log in to your library")).to_be_visible()
    _name, secret = make_login_link(own_library.database, "ada", actor="test")
    page.evaluate(f"location.hash = 'link={secret}'")
    expect(page).to_have_url(group)


# A group that is not there: 404 says that the request was let through to where groups are looked for.
FETCH = """fetch('/admin/curation/perform', {method: 'POST', headers: {'content-type': 'application/json'},
    body: '{"kind": "lock", "cluster_id": 999999}'}).then((answer) => answer.status)"""
XHR = """new Promise((done) => {
    const request = new XMLHttpRequest();
    request.open('POST', '/admin/curation/perform');
    request.setRequestHeader('content-type', 'application/json');
    request.onload = () => done(request.status);
    request.send('{"kind": "lock", "cluster_id": 999999}');
})"""


@pytest.mark.parametrize("script", [FETCH, XHR], ids=["fetch", "xhr"])
def test_csrf__every_module_sends_the_token(demo_server: str, page: Page, faults: Any, script: str) -> None:
    faults.allow("404")
    page.goto(f"{demo_server}/admin/")
    assert page.evaluate(script) == 404
    # The cookie alone is not enough.
    asked = {"kind": "lock", "cluster_id": 999_999}
    assert page.context.request.post(f"{demo_server}/admin/curation/perform", data=asked).status == 403


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_login__looks(
    demo_server: str,
    make_page: Callable[..., Page],
    take_screenshot: Callable[[Page, str], None],
    check_accessibility: Callable[[Page], None],
    size: tuple[int, int],
    scheme: str,
) -> None:
    login = make_page(*size, scheme, anonymous=True)
    login.goto(f"{demo_server}/admin/login")
    check_accessibility(login)
    take_screenshot(login, f"login-{size[0]}-{scheme}")
    account = make_page(*size, scheme)
    account.goto(f"{demo_server}/admin/account")
    check_accessibility(account)
    take_screenshot(account, f"account-{size[0]}-{scheme}")
    for page in (login, account):
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
