"""The reference of the API in a browser, under the policy of the pages."""

from collections.abc import Callable

from playwright.sync_api import Page, expect


def test_reference__an_operation_is_tried(make_page: Callable[..., Page], demo_server: str) -> None:
    page = make_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{demo_server}/docs")
    operation = page.locator("details", has_text="/media/{media_id}").first
    expect(operation).to_be_visible()
    known = page.locator("details", has=page.get_by_text("/media/known", exact=True))
    known.locator("summary").click()
    known.locator("textarea").fill('{"checksums": []}')
    known.get_by_role("button", name="Send").click()
    expect(known.locator("pre")).to_contain_text("200")
    expect(known.locator("pre")).to_contain_text('"known": []')
    assert all(url.startswith(demo_server) for url in asked)
