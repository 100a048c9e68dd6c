"""The admin pages under a finger."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from playwright.sync_api import Locator, Page, expect

from backend.features.services import Services

# What can be pressed, with what CSS adds to it by ::before, less than 40 pixels high. Links within words are exempt (WCAG 2.5.8).
_SMALL = """() => [...document.querySelectorAll(
    'button, .button, .icon-button, .toggle, .select, summary, .tabs a, .queue, .rail a, .input, .search-field input, input[type=range]')]
    .filter((one) => one.checkVisibility() && one.getBoundingClientRect().height > 1)
    .map((one) => [one, Math.max(one.getBoundingClientRect().height, parseFloat(getComputedStyle(one, '::before').height) || 0)])
    .filter(([, height]) => height < 39.5)
    .map(([one, height]) => `${one.localName}.${one.className} ${one.textContent.trim().slice(0, 20)}: ${height}`)"""


@pytest.fixture
def phone(make_page: Callable[..., Page]) -> Page:
    return make_page(390, 844, touch=True)


def largest_group(services: Services) -> int:
    with services.database.transaction() as session:
        statement = sa.text("SELECT cluster_id FROM centroid ORDER BY member_count DESC, cluster_id LIMIT 1")
        return int(session.execute(statement).scalar_one())


def touch(page: Page, target: Locator, *, hold_ms: int, move_by: int = 0) -> None:
    """Put a finger down in the middle, move it up, hold it, and lift it."""
    box = target.bounding_box()
    assert box is not None
    point = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    finger = page.context.new_cdp_session(page)
    finger.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
    for moved in range(0, move_by, 10):
        there = {**point, "y": point["y"] - moved}
        finger.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [there]})
    page.wait_for_timeout(hold_ms)
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    finger.detach()


def test_touch__a_long_press_selects_and_taps_go_on(phone: Page, own_server: str, own_library: Services) -> None:
    phone.goto(f"{own_server}/admin/clusters/{largest_group(own_library)}")
    phone.wait_for_load_state("networkidle")
    members = phone.locator("[data-media]")
    size = members.count()
    bar = phone.get_by_role("toolbar", name="Selection")
    touch(phone, members.nth(1), hold_ms=800, move_by=60)
    expect(bar).to_be_hidden()
    phone.evaluate("scrollTo(0, 0)")
    touch(phone, members.nth(0), hold_ms=800)
    expect(bar).to_contain_text("1 selected")
    members.nth(2).tap()
    expect(bar).to_contain_text("2 selected")
    members.nth(0).tap()
    expect(bar).to_contain_text("1 selected")
    assert "/clusters/" in phone.url
    bar.get_by_role("button", name="New group").tap()
    dialog = phone.get_by_role("dialog", name="New group")
    dialog.evaluate("sheet => Promise.all(sheet.getAnimations({ subtree: true }).map((one) => one.finished))")
    box = dialog.bounding_box()
    assert box is not None
    assert (box["x"], round(box["width"]), round(box["y"] + box["height"])) == (0, 390, 844)
    assert phone.evaluate(_SMALL) == []
    dialog.get_by_role("button", name="Make the group").tap()
    expect(members).to_have_count(size - 1)
    # Nothing is selected any more: a tap opens again.
    members.nth(0).tap()
    phone.wait_for_url("**/admin/media/*")


def test_touch__targets_are_large_enough(phone: Page, demo_server: str, demo_library: Services) -> None:
    group = largest_group(demo_library)
    with demo_library.database.transaction() as session:
        media = session.execute(sa.text("SELECT media_id FROM membership ORDER BY media_id LIMIT 1")).scalar_one()
    small = {}
    for path in (
        *("", f"clusters/{group}", f"media/{media}", "search?q=a+boat", "upload", "review"),
        *("quality", "quality/labels", "quality/judgements", "operations", "account"),
    ):
        phone.goto(f"{demo_server}/admin/{path}")
        expect(phone.locator(".skeleton")).to_have_count(0, timeout=90_000)
        small[path] = phone.evaluate(_SMALL)
    assert {path: found for path, found in small.items() if found} == {}
