"""The page of one group in a browser: selection, and everything a curator does there."""

import re
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from backend.features.services import Services


def largest_groups(services: Services) -> list[int]:
    with services.database.transaction() as session:
        return list(
            session.execute(sa.text("SELECT cluster_id FROM centroid ORDER BY member_count DESC, cluster_id")).scalars()
        )


def open_group(page: Page, server: str, cluster_id: int) -> int:
    """Returns how many members are there."""
    page.goto(f"{server}/admin/clusters/{cluster_id}")
    page.wait_for_load_state("networkidle")
    return page.locator("[data-media]").count()


def select(page: Page, *places: int) -> None:
    for place in places:
        page.locator("[data-media]").nth(place).hover()
        page.locator("[data-media] .check").nth(place).click()


def test_cluster__selection(page: Page, demo_server: str, demo_library: Services) -> None:
    size = open_group(page, demo_server, largest_groups(demo_library)[0])
    bar = page.get_by_role("toolbar", name="Selection")
    expect(bar).to_be_hidden()
    select(page, 0)
    expect(bar).to_contain_text("1 selected")
    page.locator("[data-media] a").nth(2).click(modifiers=["Shift"])
    expect(bar).to_contain_text("3 selected")
    page.locator("[data-media] a").nth(1).click()
    expect(bar).to_contain_text("2 selected")
    page.keyboard.press("a")
    expect(bar).to_contain_text(f"{size} selected")
    page.keyboard.press("Escape")
    expect(bar).to_be_hidden()
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(bar).to_contain_text("1 selected")


def test_cluster__similarities_on_demand(page: Page, demo_server: str, demo_library: Services) -> None:
    size = open_group(page, demo_server, largest_groups(demo_library)[0])
    figures = page.locator(".shot-figure").all_text_contents()
    assert len(figures) == size
    assert figures == sorted(figures, reverse=True)
    assert all(re.fullmatch(r"[01]\.\d{3}", figure) for figure in figures)
    page.keyboard.press("s")
    expect(page.locator(".shot-figure").last).to_have_css("opacity", "1")


def test_cluster__move_then_undo(own_server: str, own_library: Services, page: Page) -> None:
    size = open_group(page, own_server, largest_groups(own_library)[0])
    select(page, 1, 2)
    page.get_by_role("button", name="Move").click()
    picker = page.get_by_role("dialog", name="Move to")
    expect(picker.locator("[data-target]").first).to_be_visible()
    picker.locator("[data-target]").first.click()
    preview = page.get_by_role("dialog", name="Move", exact=True)
    expect(preview.locator(".change")).to_have_count(2)
    expect(preview).to_contain_text(f"{size} → {size - 2}")
    preview.get_by_role("button", name="Move").click()
    expect(page.locator("[data-media]")).to_have_count(size - 2)
    page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(page.locator("[data-media]")).to_have_count(size)


def test_cluster__from_the_wall_by_keyboard_alone(own_server: str, own_library: Services, page: Page) -> None:
    """To the largest group, two of its members into another one, and back again."""
    page.goto(f"{own_server}/admin/")
    page.wait_for_load_state("networkidle")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/clusters/*")
    page.wait_for_load_state("networkidle")
    members = page.locator("[data-media]")
    size = members.count()
    for key in ("j", "x", "j", "Shift+X", "v"):
        page.keyboard.press(key)
    picker = page.get_by_role("dialog", name="Move to")
    expect(picker.get_by_role("searchbox")).to_be_focused()
    expect(picker.locator("[data-target]").first).to_be_visible()
    page.keyboard.press("Tab")
    expect(picker.locator("[data-target]").first).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(picker.locator("[data-target]").nth(1)).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    expect(picker.get_by_role("searchbox")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(picker.locator("[data-target]").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Move", exact=True).get_by_role("button", name="Move")).to_be_focused()
    page.keyboard.press("Enter")
    expect(members).to_have_count(size - 2)
    page.keyboard.press("Control+z")
    expect(members).to_have_count(size)
    page.keyboard.press("j")
    expect(members.locator("a:focus")).to_have_count(1)


def test_cluster__focus_stays_where_the_work_is(own_server: str, own_library: Services, page: Page) -> None:
    """An action updates the page and closes dialogs. Keyboard navigation continues from the same place."""
    size = open_group(page, own_server, largest_groups(own_library)[0])
    members = page.locator("[data-media]")
    for key in ("j", "j", "x", "n"):
        page.keyboard.press(key)
    expect(page.get_by_label("Label of the new group")).to_be_focused()
    page.keyboard.press("Enter")
    expect(members).to_have_count(size - 1)
    expect(members.nth(1).locator("[data-item]")).to_be_focused()
    page.keyboard.press("e")
    page.keyboard.type("By keys")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="By keys")).to_be_visible()
    expect(page.get_by_role("button", name="Rename")).to_be_focused()
    page.get_by_role("button", name="Lock").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Unlock")).to_be_focused()
    page.keyboard.press("h")
    page.get_by_role("dialog", name="History").get_by_role("button", name="Undo").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="History").get_by_role("button", name="Redo").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Lock", exact=True)).to_be_focused()
    page.keyboard.press("?")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Lock", exact=True)).to_be_focused()


def test_cluster__extract_and_the_history(own_server: str, own_library: Services, page: Page) -> None:
    size = open_group(page, own_server, largest_groups(own_library)[0])
    select(page, 0, 1)
    page.keyboard.press("n")
    page.get_by_label("Label of the new group").fill("Two of a kind")
    page.get_by_role("button", name="Make the group").click()
    expect(page.locator("[data-media]")).to_have_count(size - 2)
    page.keyboard.press("h")
    drawer = page.get_by_role("dialog", name="History")
    expect(drawer.locator(".event")).to_have_count(1)
    drawer.get_by_role("button", name="Undo").click()
    expect(drawer.get_by_role("button", name="Redo")).to_be_visible()
    expect(page.locator("[data-media]")).to_have_count(size)


def test_cluster__merge_leads_to_the_survivor(own_server: str, own_library: Services, page: Page) -> None:
    groups = largest_groups(own_library)
    open_group(page, own_server, groups[1])
    page.get_by_role("button", name="Merge").click()
    target = page.get_by_role("dialog", name="Merge with").locator("[data-target]").first
    survivor = target.get_attribute("data-target")
    target.click()
    preview = page.get_by_role("dialog", name="Merge", exact=True)
    expect(preview.get_by_text("goes")).to_be_visible()
    preview.get_by_role("button", name="Merge").click()
    page.wait_for_url(f"**/admin/clusters/{survivor}")
    expect(page.locator(".toast").get_by_role("button", name="Undo")).to_be_visible()


def test_cluster__split(own_server: str, own_library: Services, page: Page) -> None:
    size = open_group(page, own_server, largest_groups(own_library)[0])
    page.get_by_role("button", name="Split").click()
    expect(page.locator(".half")).to_have_count(2)
    page.get_by_role("dialog").get_by_role("button", name="Split", exact=True).click()
    expect(page.locator("[data-preview]")).to_be_hidden()
    expect(page.locator("[data-media]")).not_to_have_count(size)
    assert page.locator("[data-media]").count() < size


def test_cluster__rename_representative_and_lock(own_server: str, own_library: Services, page: Page) -> None:
    open_group(page, own_server, largest_groups(own_library)[0])
    page.keyboard.press("e")
    page.get_by_label("Label").fill("A name of our own")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="A name of our own")).to_be_visible()
    select(page, 3)
    chosen = page.locator("[data-media]").nth(3).get_attribute("data-media")
    page.keyboard.press("r")
    expect(page.locator(f'[data-media="{chosen}"] [title="Stands for the group"]')).to_be_visible()
    page.get_by_role("button", name="Lock").click()
    expect(page.get_by_text("locked", exact=True)).to_be_visible()
    page.get_by_role("button", name="Unlock").click()
    expect(page.get_by_text("locked", exact=True)).to_be_hidden()


def test_cluster__gone(page: Page, demo_server: str, faults: object) -> None:
    faults.allow("404")  # type: ignore[attr-defined]
    page.goto(f"{demo_server}/admin/clusters/999999")
    expect(page.get_by_role("heading", name="There is no group 999999.")).to_be_visible()
    page.get_by_role("link", name="All groups").click()
    expect(page.locator(".card").first).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), [(1440, "dark"), (390, "light")])
def test_cluster__accessible(
    make_page: Callable[..., Page],
    demo_server: str,
    demo_library: Services,
    check_accessibility: Callable[[Page], None],
    take_screenshot: Callable[[Page, str], None],
    width: int,
    scheme: str,
) -> None:
    page = make_page(width, 844, scheme)
    open_group(page, demo_server, largest_groups(demo_library)[0])
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    check_accessibility(page)
    take_screenshot(page, f"admin-cluster-{width}-{scheme}")
    select(page, 0, 1)
    check_accessibility(page)
    page.get_by_role("button", name="Move").click()
    expect(page.locator("[data-target]").first).to_be_visible()
    check_accessibility(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Split").click()
    expect(page.locator(".half").first).to_be_visible()
    check_accessibility(page)
