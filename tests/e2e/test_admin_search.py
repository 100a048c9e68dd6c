"""The search page in a browser."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from backend.services import Services

# The first search of a process loads the models.
PATIENCE_MS = 90_000


def find(page: Page, words: str) -> None:
    page.get_by_label("Words to find").fill(words)
    expect(page.locator("[data-verdict]")).to_be_visible(timeout=PATIENCE_MS)
    page.wait_for_load_state("networkidle")


@pytest.fixture
def picture(demo_library: Services) -> Path:
    return next((Path(demo_library.settings.home_path) / "storage" / "originals").rglob("*.jpg"))


def test_search__words(page: Page, demo_server: str) -> None:
    page.goto(f"{demo_server}/admin/search")
    expect(page.get_by_role("heading", name="Find by words")).to_be_visible()
    find(page, "a lighthouse at night")
    expect(page.locator('[data-verdict="relevant"]')).to_contain_text("stand out")
    assert "q=a+lighthouse+at+night" in page.url
    values = [float(text) for text in page.locator(".hit-rank").all_text_contents()]
    assert values == sorted(values, reverse=True)
    expect(page.locator(".hit .leg").first).to_contain_text("Looks")
    page.reload()
    expect(page.locator(".hit-title").first).to_be_visible(timeout=PATIENCE_MS)


def test_search__nothing_relevant(page: Page, demo_server: str) -> None:
    page.goto(f"{demo_server}/admin/search")
    find(page, "quarterly tax return spreadsheet")
    expect(page.locator('[data-verdict="nothing_relevant"]')).to_contain_text("Nothing stands out")


def test_search__a_dropped_picture_finds_itself(page: Page, demo_server: str, picture: Path) -> None:
    page.goto(f"{demo_server}/admin/search")
    page.get_by_label("Choose a picture to be like").set_input_files(picture)
    expect(page.get_by_alt_text("The picture to be like")).to_be_visible()
    expect(page.locator(".hit .leg b").first).to_have_text("1.000", timeout=PATIENCE_MS)
    page.get_by_role("button", name="Without the picture").click()
    expect(page.get_by_role("heading", name="Find by words")).to_be_visible()


def test_search__a_picture_and_words(page: Page, demo_server: str, picture: Path) -> None:
    page.goto(f"{demo_server}/admin/search")
    page.get_by_label("Choose a picture to be like").set_input_files(picture)
    expect(page.locator(".hit .leg b").first).to_have_text("1.000", timeout=PATIENCE_MS)
    with page.expect_response("**/search/hits"):
        page.get_by_label("Words to find").fill("in the snow")
    expect(page.locator(".hit .leg").nth(1)).to_contain_text("0.", timeout=PATIENCE_MS)


def test_search__filters_and_what_they_leave(page: Page, demo_server: str) -> None:
    page.goto(f"{demo_server}/admin/search?q=sea")
    expect(page.locator(".hit-title").first).to_be_visible(timeout=PATIENCE_MS)
    page.locator("summary").click()
    page.get_by_label("Location").fill("no such place")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Nothing passes these filters")).to_be_visible(timeout=PATIENCE_MS)
    assert "location=no+such+place" in page.url


def test_search__alpha_weighs_the_legs(page: Page, demo_server: str) -> None:
    page.goto(f"{demo_server}/admin/search?q=a+boat")
    expect(page.locator(".hit-title").first).to_be_visible(timeout=PATIENCE_MS)
    with page.expect_response("**/search/hits"):
        page.locator("[data-alpha]").fill("0")
    expect(page.locator("#hits .section-title")).to_contain_text("alpha 0.00")


def test_search__a_file_that_is_no_picture(page: Page, demo_server: str, faults: object, tmp_path: Path) -> None:
    faults.allow("422")  # type: ignore[attr-defined]
    (tmp_path / "no.jpg").write_bytes(b"no picture")
    page.goto(f"{demo_server}/admin/search")
    page.get_by_label("Choose a picture to be like").set_input_files(tmp_path / "no.jpg")
    expect(page.locator(".toast.error")).to_be_visible(timeout=PATIENCE_MS)


@pytest.mark.parametrize(("width", "scheme"), [(1440, "dark"), (390, "light")])
def test_search__accessible(
    make_page: Callable[..., Page],
    demo_server: str,
    check_accessibility: Callable[[Page], None],
    take_screenshot: Callable[[Page, str], None],
    width: int,
    scheme: str,
) -> None:
    page = make_page(width, 844, scheme)
    page.goto(f"{demo_server}/admin/search")
    check_accessibility(page)
    find(page, "a lighthouse at night")
    page.locator("summary").click()
    check_accessibility(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    take_screenshot(page, f"admin-search-{width}-{scheme}")
