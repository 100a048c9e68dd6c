"""The wall of groups in a browser."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from backend.features.services import Services
from backend.store.groups import count_clusters


def open_wall(page: Page, server: str, query: str = "") -> None:
    page.goto(f"{server}/admin/{query}")
    page.wait_for_load_state("networkidle")


def test_wall__shows_every_group(page: Page, demo_server: str, demo_library: Services) -> None:
    with demo_library.database.transaction() as session:
        total = count_clusters(session)
    open_wall(page, demo_server)
    expect(page.locator(".card")).to_have_count(total)
    expect(page.locator(".page-title")).to_contain_text(f"{total} · 60 pictures")
    # Each picture that is in view has come.
    broken = "imgs => imgs.filter(img => img.complete && img.naturalWidth === 0).length"
    assert page.locator(".card img").evaluate_all(broken) == 0


def test_wall__sort_and_filter_change_the_address(page: Page, demo_server: str) -> None:
    open_wall(page, demo_server)
    page.get_by_label("Order").select_option("label")
    expect(page).to_have_url(f"{demo_server}/admin/?sort=label")
    labels = [label.strip().lower() for label in page.locator(".card-label:not(:has(.quiet))").all_text_contents()]
    assert len(labels) > 10
    assert labels == sorted(labels)
    page.get_by_text("Locked").click()
    expect(page.get_by_role("heading", name="No group is like that")).to_be_visible()
    page.get_by_role("link", name="Show all groups").click()
    expect(page.locator(".card").first).to_be_visible()


def test_wall__words_find_labels_and_pictures(page: Page, demo_server: str, demo_library: Services) -> None:
    with demo_library.database.transaction() as session:
        label = session.execute(sa.text("SELECT label FROM cluster WHERE label <> '' ORDER BY id LIMIT 1")).scalar_one()
    open_wall(page, demo_server)
    page.keyboard.press("/")
    page.keyboard.type(label)
    expect(page.locator("#wall > .card-wall .card", has_text=label)).not_to_have_count(0)
    expect(page.locator(".strip img").first).to_be_visible(timeout=60_000)
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement === document.body")
    expect(page.get_by_label("Search groups and pictures")).to_have_value(label)


def test_wall__escape_leaves_the_search_also_while_the_page_changes(page: Page, demo_server: str) -> None:
    """What is looked for where the focus was lost is not what was left on purpose in the same frame."""
    open_wall(page, demo_server)
    left = page.evaluate(
        """async () => {
            const frame = () => new Promise(requestAnimationFrame);
            document.querySelector("[data-search]").focus();
            await frame();
            document.body.append(document.createElement("i"));
            await null;  // the change has been observed
            const escape = new KeyboardEvent("keydown", { key: "Escape", bubbles: true, cancelable: true });
            document.activeElement.dispatchEvent(escape);
            await frame();
            await frame();
            return document.activeElement === document.body;
        }"""
    )
    assert left


def test_wall__keys_move_and_open(page: Page, demo_server: str) -> None:
    open_wall(page, demo_server)
    page.keyboard.press("j")
    page.keyboard.press("j")
    focused = "document.activeElement.dataset.cluster"
    second = page.locator(".card").nth(1)
    assert page.evaluate(focused) == second.get_attribute("data-cluster")
    page.keyboard.press("ArrowDown")
    below = page.locator(f'.card[data-cluster="{page.evaluate(focused)}"]').bounding_box()
    above = second.bounding_box()
    assert below is not None
    assert above is not None
    assert below["x"] == pytest.approx(above["x"], abs=2)
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/clusters/*")


def test_wall__shortcuts_and_theme_are_remembered(page: Page, demo_server: str) -> None:
    open_wall(page, demo_server)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Shortcuts")).to_be_hidden()
    light = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    page.get_by_role("button", name="Use the dark theme").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.locator("html")).not_to_have_css("background-color", light)
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.locator("html")).not_to_have_css("background-color", light)


def test_theme__all_of_it_changes_at_once(page: Page, demo_server: str) -> None:
    """Where movement is not wanted, no colour follows another frame by frame, one level of nesting after the other."""
    page.goto(f"{demo_server}/admin/")
    expect(page.locator(".card-label").first).to_be_visible()
    colours = page.evaluate(
        """() => {
          document.documentElement.dataset.theme = "dark";
          return ["body", ".card", ".card-label"].map((one) => getComputedStyle(document.querySelector(one)).color);
        }"""
    )
    assert colours == ["rgb(233, 235, 237)"] * 3


def test_wall__new_groups_are_announced(own_server: str, own_library: Services, page: Page) -> None:
    open_wall(page, own_server)
    before = page.locator(".card").count()
    with own_library.database.transaction() as session:
        session.execute(
            sa.text(
                "WITH made AS (INSERT INTO cluster (label) VALUES ('Just arisen') RETURNING id) "
                "INSERT INTO centroid (space_id, cluster_id, embedding_sum, member_count, centroid) "
                "SELECT space_id, made.id, embedding_sum, 1, centroid FROM made, (SELECT * FROM centroid LIMIT 1) AS c"
            )
        )
    pill = page.get_by_role("button", name="1 new group")
    expect(pill).to_be_visible()
    pill.click()
    expect(page.locator(".card.is-new")).to_contain_text("Just arisen")
    expect(page.locator(".card")).to_have_count(before + 1)


def test_wall__places_are_kept_before_pictures_come(page: Page, demo_server: str) -> None:
    page.route("**/pictures/**", lambda route: route.abort("aborted"))
    page.goto(f"{demo_server}/admin/")
    mosaics = page.locator(".mosaic").evaluate_all("all => all.map(one => one.offsetHeight / one.offsetWidth)")
    assert all(ratio == pytest.approx(0.75, abs=0.01) for ratio in mosaics)


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")])
def test_wall__accessible(
    make_page: Callable[..., Page],
    demo_server: str,
    check_accessibility: Callable[[Page], None],
    take_screenshot: Callable[[Page, str], None],
    width: int,
    scheme: str,
) -> None:
    page = make_page(width, 844, scheme)
    open_wall(page, demo_server)
    check_accessibility(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    take_screenshot(page, f"admin-clusters-{width}-{scheme}")
