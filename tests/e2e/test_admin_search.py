"""The search page in a browser."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Request, expect

from backend.features.services import Services

# The first search of a process loads the models.
PATIENCE_MS = 90_000


def find(page: Page, words: str) -> None:
    # The page may be idle before it asks, which it does when no more letters come.
    with page.expect_response("**/search/hits", timeout=PATIENCE_MS):
        page.get_by_label("Words to find").fill(words)
    expect(page.locator(".htmx-request")).to_have_count(0, timeout=PATIENCE_MS)
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


def test_search__by_keyboard_alone(page: Page, demo_server: str) -> None:
    page.goto(f"{demo_server}/admin/")
    page.wait_for_load_state("networkidle")
    page.keyboard.press("g")
    page.keyboard.press("s")
    page.wait_for_url("**/admin/search")
    expect(page.get_by_label("Words to find")).to_be_focused()
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request) if _asks_anew(request) else None)
    page.keyboard.type("a lighthouse at night")
    expect(page).to_have_url(re.compile(r"q=a\+lighthouse\+at\+night"))
    expect(page.locator(".htmx-request")).to_have_count(0, timeout=PATIENCE_MS)
    expect(page.locator("[data-verdict]")).to_be_visible()
    before = len(asked)
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("j")
    second = page.locator("#hits [data-item]").nth(1)
    expect(second).to_be_focused()
    address = second.get_attribute("href")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{address}")
    assert len(asked) == before  # leaving the field asked for nothing: hits that come again take the focus along
    expect(page.locator(".stage img")).to_be_visible()


def _asks_anew(request: Request) -> bool:
    """The next page of hits, which comes when the wall reaches its end, asks with a cursor and replaces nothing."""
    return request.url.endswith("/search/hits") and 'name="cursor"' not in (request.post_data or "")


def test_search__nothing_relevant(page: Page, demo_server: str) -> None:
    page.goto(f"{demo_server}/admin/search")
    find(page, "quarterly tax return spreadsheet")
    expect(page.locator('[data-verdict="nothing_relevant"]')).to_contain_text("Nothing stands out")


@pytest.mark.parametrize("width", [1440, 390])
def test_search__a_dropped_picture_finds_itself(
    make_page: Callable[..., Page], demo_server: str, picture: Path, look: Callable[..., None], width: int
) -> None:
    page = make_page(width, 844)
    page.goto(f"{demo_server}/admin/search")
    page.get_by_label("Choose a picture to search with").set_input_files(picture)
    expect(page.get_by_alt_text("The picture to be like")).to_be_visible()
    expect(page.locator(".hit .leg b").first).to_have_text("1.000", timeout=PATIENCE_MS)
    page.wait_for_load_state("networkidle")
    look(page, "search-dropped")
    page.get_by_role("button", name="Without the picture").click()
    expect(page.get_by_role("heading", name="Find by words")).to_be_visible()


def test_search__a_picture_and_words(page: Page, demo_server: str, picture: Path) -> None:
    page.goto(f"{demo_server}/admin/search")
    page.get_by_label("Choose a picture to search with").set_input_files(picture)
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


def test_search__an_address_that_is_opened_stays_as_it_is(page: Page, demo_server: str) -> None:
    address = f"{demo_server}/admin/search?q=a+boat&alpha=0.2&order_by=taken_newest"
    page.goto(address)
    expect(page.locator(".hit-title").first).to_be_visible(timeout=PATIENCE_MS)
    assert page.url == address
    page.get_by_label("Order").select_option("Best first")
    expect(page).to_have_url(f"{demo_server}/admin/search?q=a+boat&alpha=0.2")


def test_search__a_file_that_is_no_picture(page: Page, demo_server: str, faults: object, tmp_path: Path) -> None:
    faults.allow("422")  # type: ignore[attr-defined]
    (tmp_path / "no.jpg").write_bytes(b"no picture")
    page.goto(f"{demo_server}/admin/search")
    page.get_by_label("Choose a picture to search with").set_input_files(tmp_path / "no.jpg")
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


def test_search__a_word_on_a_hit_by_key_and_its_undo(page: Page, demo_server: str) -> None:
    page.goto(f"{demo_server}/admin/search?q=a+castle+on+a+hill")
    expect(page.locator("#hits.is-judged")).to_be_visible(timeout=PATIENCE_MS)
    hit = page.locator(".hit[data-media]").nth(1)
    right, wrong = hit.get_by_role("button", name="Right"), hit.get_by_role("button", name="Wrong")
    hit.locator(".hit-link").focus()
    page.keyboard.press("y")
    expect(page.get_by_text("Noted as right")).to_be_visible()
    page.keyboard.press("n")
    expect(page.get_by_text("Noted as wrong")).to_be_visible()
    page.reload()
    expect(wrong).to_have_attribute("aria-pressed", "true", timeout=PATIENCE_MS)
    expect(right).to_have_attribute("aria-pressed", "false")
    # The same again takes it back; undoing that says it again.
    wrong.click()
    expect(page.get_by_text("Judgement withdrawn")).to_be_visible()
    expect(wrong).to_have_attribute("aria-pressed", "false")
    page.get_by_role("button", name="Undo").click()
    expect(wrong).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_text("Noted as wrong")).to_be_visible()  # the button is ahead of the server
    page.reload()
    expect(wrong).to_have_attribute("aria-pressed", "true", timeout=PATIENCE_MS)
    # Other words are another query, of which nothing was said.
    find(page, "a castle by a lake")
    expect(page.locator("#hits.is-judged")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator('.judge-button[aria-pressed="true"]')).to_have_count(0)


def test_media__a_word_on_a_similar_picture(page: Page, demo_server: str) -> None:
    page.goto(f"{demo_server}/admin/search?q=a+castle+on+a+hill")
    page.locator(".hit-link").first.click(timeout=PATIENCE_MS)
    hit = page.locator("#similar .hit[data-media]").first
    expect(page.locator("#similar .is-judged")).to_be_visible()
    hit.hover()
    hit.get_by_role("button", name="Right").click()
    expect(hit.get_by_role("button", name="Right")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_text("Noted as right")).to_be_visible()
    page.reload()
    expect(hit.get_by_role("button", name="Right")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Right").first.click()
    expect(page.get_by_text("Judgement withdrawn")).to_be_visible()


def test_search__a_word_on_the_hits_of_a_dropped_picture(
    page: Page, own_server: str, picture: Path, look: Callable[..., None], make_page: Callable[..., Page]
) -> None:
    def drop(words: str = "") -> None:
        page.goto(f"{own_server}/admin/search")
        page.locator("[data-file]").set_input_files(picture)
        expect(page.locator("#hits.is-judged")).to_be_visible(timeout=PATIENCE_MS)
        if words:
            with page.expect_response("**/search/hits", timeout=PATIENCE_MS):
                page.get_by_label("Words to find").fill(words)
            expect(page.locator(".htmx-request")).to_have_count(0, timeout=PATIENCE_MS)
            expect(page.locator("#hits .section-title")).to_contain_text("calibrated", timeout=PATIENCE_MS)
            page.wait_for_load_state("networkidle")

    def hit(place: int) -> Locator:
        return page.locator(".hit[data-media]").nth(place)

    drop()
    for place, name in ((0, "Right"), (1, "Wrong")):
        hit(place).hover()
        hit(place).get_by_role("button", name=name).click()
        expect(page.get_by_text(f"Noted as {name.lower()}")).to_be_visible()
    # The same picture is the same query; with words it is another one.
    drop()
    expect(hit(0).get_by_role("button", name="Right")).to_have_attribute("aria-pressed", "true")
    expect(hit(1).get_by_role("button", name="Wrong")).to_have_attribute("aria-pressed", "true")
    drop("a lighthouse at night")
    expect(page.locator('.judge-button[aria-pressed="true"]')).to_have_count(0)
    hit(0).locator(".hit-link").focus()
    page.keyboard.press("n")
    expect(page.get_by_text("Noted as wrong")).to_be_visible()
    # All of them are in the list, with the picture, and can be taken back there.
    page.goto(f"{own_server}/admin/quality/judgements")
    expect(page.locator(".judged-row")).to_have_count(3)
    expect(page.locator(".judged-row").first).to_contain_text("a lighthouse at night")
    expect(page.locator(".judged-row").first.get_by_role("img", name="The picture that was dropped")).to_be_visible()
    look(page, "judgements")
    page.locator('select[name="verdict"]').select_option("right")
    expect(page.locator(".judged-row")).to_have_count(1)
    page.locator('select[name="verdict"]').select_option("")
    expect(page.locator(".judged-row")).to_have_count(3)
    page.get_by_label("Words of the question").fill("lighthouse")
    expect(page.locator(".judged-row")).to_have_count(1)
    page.get_by_role("button", name="Withdraw").click()
    expect(page.locator(".judged-row")).to_have_count(0)
    page.reload()
    expect(page.locator(".judged-row")).to_have_count(2)
    narrow = make_page(width=390)
    narrow.goto(f"{own_server}/admin/quality/judgements")
    expect(narrow.locator(".judged-row")).to_have_count(2)
    look(narrow, "judgements")
