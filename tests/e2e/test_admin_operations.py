"""The page of how the work goes, in a browser: pausing, failures, charts, and workers that come and go."""

import re
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from backend.features.services import Services
from backend.store.operations import find_pause
from tests.support.operations import fill_operations


def open_operations(page: Page, server: str) -> None:
    page.goto(f"{server}/admin/operations")
    page.wait_for_load_state("networkidle")


def count_failed(services: Services) -> int:
    with services.database.transaction() as session:
        return session.execute(sa.text("SELECT count(*) FROM media WHERE status = 'failed'")).scalar_one()


def test_operations__pause_failures_and_charts(own_library: Services, own_server: str, page: Page) -> None:
    fill_operations(own_library)
    open_operations(page, own_server)
    # Paused, by whom, and on again; the focus stays where it was.
    page.get_by_role("button", name="Pause").press("Enter")
    expect(page.locator(".state-bar")).to_contain_text(re.compile(r"Paused since 20\d\d-"))
    with own_library.database.transaction() as session:
        assert find_pause(session) is not None
    expect(page.get_by_role("button", name="Resume")).to_be_focused()
    page.get_by_role("button", name="Resume").press("Enter")  # the button may have been replaced meanwhile
    expect(page.get_by_role("button", name="Pause")).to_be_focused()
    with own_library.database.transaction() as session:
        assert find_pause(session) is None
    # Workers, as they said themselves.
    expect(page.get_by_role("row", name="host:41")).to_contain_text("embed")
    expect(page.get_by_role("row", name="host:42")).to_contain_text("silent")
    # Storage sizes and recall, measured again by a worker on request.
    room = page.locator("#room")
    for words in ("Originals", "Free on its disk", "embedding", "indexes", "Recall of the indexes"):
        expect(room).to_contain_text(words)
    room.get_by_role("button", name="Measure now").click()
    expect(room.get_by_role("button", name="Asked for")).to_be_disabled()
    # One is tried again, then all of a code.
    failed = count_failed(own_library)
    page.locator(".failed .icon-button").first.click()
    expect(page.locator("#failures")).to_contain_text("1 picture queued for another try")
    assert count_failed(own_library) == failed - 1
    page.locator(".failure", has_text="image_truncated").get_by_role("button", name="Try all again").click()
    expect(page.locator(".failure", has_text="image_truncated")).to_have_count(0)
    expect(page.locator(".failure", has_text="quarantine")).to_have_count(1)
    # Values by keyboard, and another stretch of time.
    chart = page.locator("[data-chart]").first
    chart.locator("[data-plot]").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(chart.locator("[data-moment]")).to_have_text(re.compile(r"^20\d\d-\d\d-\d\d \d\d:\d\d$"))
    expect(chart.locator("[data-value]").nth(1)).to_have_text(re.compile(r"^\d+$"))
    page.locator('[data-range="24h"]').click()
    expect(page.locator('[data-range="24h"]')).to_have_attribute("aria-current", "true")
    page.get_by_text("Figures as a table").click()
    expect(page.locator("[data-samples] tbody tr").nth(80)).to_be_attached()


def test_operations__is_alive(own_library: Services, own_server: str, page: Page) -> None:
    """What happens meanwhile turns up by itself."""
    open_operations(page, own_server)
    expect(page.locator(".state-bar")).to_contain_text("Nothing schedules work.")
    fill_operations(own_library)
    expect(page.get_by_role("row", name="host:41")).to_be_visible(timeout=60_000)
    expect(page.locator(".failure")).to_have_count(2, timeout=60_000)


@pytest.mark.parametrize(("width", "scheme"), [(1440, "dark"), (390, "light")])
def test_operations__accessible(
    make_page: Callable[..., Page],
    own_library: Services,
    own_server: str,
    check_accessibility: Callable[[Page], None],
    take_screenshot: Callable[[Page, str], None],
    width: int,
    scheme: str,
) -> None:
    fill_operations(own_library)
    page = make_page(width, 844, scheme)
    open_operations(page, own_server)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    check_accessibility(page)
    take_screenshot(page, f"admin-operations-{width}-{scheme}")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".state-bar")).to_contain_text("Paused")
    page.get_by_text("Figures as a table").click()
    check_accessibility(page)
