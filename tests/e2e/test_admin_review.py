"""The review in a browser: every queue, by keyboard alone, with everything taken back again."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import Locator, Page, expect

from backend.features.services import Services
from backend.web.server import create_web_app
from scripts.demo_review import fill_review
from scripts.demo_site import serving

QUEUES = ("small_margin", "outlier", "caption_disagreement", "merge_candidate", "split_candidate", "near_duplicate")


@pytest.fixture(scope="module")
def review_library(
    copy_library: Callable[[Path], Services], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Services]:
    """Each queue holds something. Tests put back what they decide."""
    services = copy_library(tmp_path_factory.mktemp("review") / "home")
    fill_review(services)
    yield services
    services.database.dispose()


@pytest.fixture(scope="module")
def review_server(review_library: Services, signed_in: Any) -> Iterator[str]:
    with serving(create_web_app(review_library)) as url:
        signed_in.add_server(url)
        yield url


def open_queue(page: Page, server: str, kind: str) -> Locator:
    """Returns the item that is shown."""
    page.goto(f"{server}/admin/review?kind={kind}")
    page.wait_for_load_state("networkidle")
    return page.locator("[data-item]:visible")


def count_of(page: Page, kind: str) -> Locator:
    return page.locator(f'[data-queue="{kind}"] [data-count]')


def number(locator: Locator) -> int:
    return int(re.sub(r"\D", "", locator.text_content() or ""))


def ask(services: Services, query: str) -> object:
    with services.database.transaction() as session:
        return session.execute(sa.text(query)).scalar_one()


@pytest.mark.parametrize("kind", QUEUES)
def test_review__on_a_phone_all_of_it_is_in_view(
    make_page: Callable[..., Page], review_server: str, review_library: Services, kind: str
) -> None:
    long = "A label as long as the first picture's title is now and then, and longer still"
    with review_library.database.transaction() as session:
        session.execute(sa.text("UPDATE cluster SET label = :long"), {"long": long})
    page = make_page(390, 844)
    open_queue(page, review_server, kind)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width == 390
    box = page.locator("[data-queue][aria-current]").bounding_box()
    assert box is not None
    assert 0 <= box["x"] <= box["x"] + box["width"] <= 390


@pytest.mark.parametrize("kind", QUEUES)
def test_review__decided_and_taken_back_by_keys(
    page: Page, review_server: str, review_library: Services, kind: str
) -> None:
    shown = open_queue(page, review_server, kind)
    name = shown.get_attribute("data-item") or ""
    size = number(count_of(page, kind))
    for key in ("a", "d"):
        page.keyboard.press(key)
        # The next one, or the end of the queue, is there before the server has answered.
        expect(page.locator(f'[data-item="{name}"]')).to_be_hidden()
        expect(count_of(page, kind)).to_have_text(str(size - 1))
        expect(page.locator(".toast").get_by_role("button", name="Undo")).to_be_visible()
        page.keyboard.press("z")
        expect(page.locator(f'[data-item="{name}"]')).to_be_visible()
        expect(page.locator(".toast")).to_have_text(re.compile("Undone"))
        expect(count_of(page, kind)).to_have_text(str(size))
    assert ask(review_library, "SELECT count(*) FROM review_decision") == 0
    assert ask(review_library, "SELECT count(*) FROM marked_for_deletion") == 0
    assert ask(review_library, "SELECT count(*) FROM not_near_duplicate") == 0
    assert open_queue(page, review_server, kind).get_attribute("data-item") == name


def test_review__into_the_runner_up_and_into_another_group(
    page: Page, review_server: str, review_library: Services
) -> None:
    shown = open_queue(page, review_server, "small_margin")
    for _ in range(number(count_of(page, "small_margin"))):
        if shown.get_attribute("data-runner-up"):
            break
        page.keyboard.press("s")
    media_id = (shown.get_attribute("data-item") or "").split(":")[1]
    held = f"SELECT cluster_id FROM membership WHERE media_id = '{media_id}'"
    before, runner_up = ask(review_library, held), shown.get_attribute("data-runner-up")
    page.keyboard.press("r")
    expect(page.locator(".toast").get_by_role("button", name="Undo")).to_be_visible()
    assert str(ask(review_library, held)) == runner_up
    page.keyboard.press("z")
    expect(page.locator(".toast")).to_have_text(re.compile("Undone"))
    assert ask(review_library, held) == before
    page.keyboard.press("c")
    target = page.get_by_role("dialog", name="Put it into").locator("[data-target]").last
    chosen = target.get_attribute("data-target")
    target.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".toast").get_by_role("button", name="Undo")).to_be_visible()
    assert str(ask(review_library, held)) == chosen
    page.keyboard.press("Control+z")
    expect(page.locator(".toast")).to_have_text(re.compile("Undone"))
    assert ask(review_library, held) == before


def test_review__skipped_ones_come_again_at_the_end(page: Page, review_server: str) -> None:
    shown = open_queue(page, review_server, "merge_candidate")
    first = shown.get_attribute("data-item")
    for _ in range(number(count_of(page, "merge_candidate"))):
        page.keyboard.press("s")
    expect(page.get_by_role("heading", name="Nothing left here")).to_be_visible()
    expect(page.locator("[data-next-queue]")).to_contain_text("Go on with")
    page.get_by_role("button", name="Show skipped items").click()
    expect(shown).to_have_attribute("data-item", first or "")


def test_review__queues_by_number_and_undo_in_another_one(
    page: Page, review_server: str, review_library: Services
) -> None:
    name = open_queue(page, review_server, "outlier").get_attribute("data-item") or ""
    page.keyboard.press("d")
    expect(page.locator(".toast").get_by_role("button", name="Undo")).to_be_visible()
    page.keyboard.press("4")
    page.wait_for_url("**/review?kind=merge_candidate")
    page.keyboard.press("z")
    expect(page.locator(".toast")).to_contain_text("It is in Outliers again")
    assert open_queue(page, review_server, "outlier").get_attribute("data-item") == name


def test_review__what_failed_is_asked_again(page: Page, review_server: str, faults: object) -> None:
    faults.allow("decisions")  # type: ignore[attr-defined]
    shown = open_queue(page, review_server, "small_margin")
    name = shown.get_attribute("data-item") or ""
    page.route("**/review/decisions", lambda route: route.abort())
    page.keyboard.press("d")
    expect(page.locator(".toast.error")).to_contain_text("The server cannot be reached.")
    expect(shown).to_have_attribute("data-item", name)
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()


def test_review__marked_versions_are_deleted_when_somebody_says_so(
    own_library: Services, own_server: str, page: Page
) -> None:
    fill_review(own_library)
    media = ask(own_library, "SELECT count(*) FROM media")
    shown = open_queue(page, own_server, "near_duplicate")
    keep = shown.locator("input:checked").get_attribute("value")
    page.keyboard.press("ArrowRight")
    chosen = shown.locator("input:checked").get_attribute("value")
    assert chosen != keep
    page.keyboard.press("a")
    expect(page.get_by_role("button", name="Delete 2 marked")).to_be_visible()
    assert ask(own_library, "SELECT count(*) FROM media") == media
    page.get_by_role("button", name="Delete 2 marked").click()
    dialog = page.get_by_role("dialog", name="Delete 2 pictures for good?")
    expect(dialog.locator("img")).to_have_count(2)
    dialog.get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator(".toast")).to_contain_text("Deleted 2 pictures")
    assert ask(own_library, f"SELECT count(*) FROM media WHERE id = '{chosen}'") == 1
    assert ask(own_library, f"SELECT count(*) FROM media WHERE id = '{keep}'") == 0


def test_review__empty(page: Page, demo_server: str) -> None:
    open_queue(page, demo_server, "split_candidate")
    expect(page.get_by_role("heading", name="Nothing left here")).to_be_visible()
    expect(page.get_by_role("toolbar", name="Decision")).to_be_hidden()
    page.get_by_role("link", name="All groups").click()
    expect(page.locator(".card").first).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), [(1440, "dark"), (390, "light")])
def test_review__accessible(
    make_page: Callable[..., Page],
    review_server: str,
    check_accessibility: Callable[[Page], None],
    take_screenshot: Callable[[Page, str], None],
    width: int,
    scheme: str,
) -> None:
    page = make_page(width, 844, scheme)
    for kind in QUEUES:
        open_queue(page, review_server, kind)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        check_accessibility(page)
        take_screenshot(page, f"admin-review-{kind}-{width}-{scheme}")
