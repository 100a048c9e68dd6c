"""The page of a picture in a browser."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from backend.features.services import Services
from tests.support.pages import come_to_rest


def a_media(services: Services) -> str:
    """One with a title, in the largest group, and neither its first nor its last member."""
    with services.database.transaction() as session:
        return str(
            session.execute(
                sa.text(
                    "SELECT media_id FROM membership JOIN media ON media.id = media_id WHERE NOT founder AND caption <> '' "
                    "AND cluster_id = (SELECT cluster_id FROM centroid ORDER BY member_count DESC, cluster_id LIMIT 1) "
                    "ORDER BY similarity DESC LIMIT 1"
                )
            ).scalar_one()
        )


def open_media(page: Page, server: str, media_id: str) -> None:
    page.goto(f"{server}/admin/media/{media_id}")
    expect(page.locator("[data-hits] .hit-title").first).to_be_visible()
    page.wait_for_load_state("networkidle")


def combined(page: Page) -> list[float]:
    return [float(text.split("·")[1]) for text in page.locator(".hit-rank").all_text_contents()]


def test_media__shows_the_decision(page: Page, demo_server: str, demo_library: Services) -> None:
    open_media(page, demo_server, a_media(demo_library))
    panel = page.locator(".panel").first
    for words in ("Similarity when it joined", "Threshold", "0.820", "Runner-up", "Margin"):
        expect(panel).to_contain_text(words)
    expect(page.locator(".scale-similarity")).to_be_visible()
    assert page.locator(".stage img").evaluate("img => img.naturalWidth") > 0


def test_media__alpha_ranks_anew_without_asking_again(page: Page, demo_server: str, demo_library: Services) -> None:
    open_media(page, demo_server, a_media(demo_library))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/similar" in request.url else None)
    orders = []
    for alpha in ("0", "0.5", "1"):
        page.locator("[data-alpha]").fill(alpha)
        values = combined(page)
        assert values == sorted(values, reverse=True)
        orders.append(page.locator(".hit-link").evaluate_all("all => all.map(one => one.href)"))
        legs = page.locator('[data-figure="image"]' if alpha == "1" else '[data-figure="text"]').all_text_contents()
        if alpha != "0.5":
            assert [float(leg) for leg in legs] == pytest.approx(values, abs=0.0011)
    assert orders[0] != orders[2]
    assert asked == []


def test_media__why_this_one(page: Page, demo_server: str, demo_library: Services) -> None:
    open_media(page, demo_server, a_media(demo_library))
    page.locator("[data-alpha]").fill("0.25")
    page.get_by_role("button", name="Why this one").first.click()
    card = page.locator("#why")
    expect(card).to_contain_text("0.25 ×")
    expect(card).to_contain_text("0.75 ×")
    total = card.locator(".total dd").text_content()
    assert total is not None
    assert float(total) == combined(page)[0]
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()


def test_media__next_and_previous_in_its_group(page: Page, demo_server: str, demo_library: Services) -> None:
    media_id = a_media(demo_library)
    open_media(page, demo_server, media_id)
    start = page.url
    if page.locator('[data-step="next"]').count() == 0:
        page.keyboard.press("ArrowLeft")
        page.wait_for_url(lambda url: url != start)
        page.keyboard.press("ArrowRight")
    else:
        page.keyboard.press("j")
        page.wait_for_url(lambda url: url != start)
        page.keyboard.press("k")
    page.wait_for_url(start)
    page.keyboard.press("u")
    page.wait_for_url("**/admin/clusters/*")


def test_media__its_text_can_be_changed(own_server: str, own_library: Services, page: Page) -> None:
    with own_library.database.transaction() as session:
        session.execute(sa.text('UPDATE media SET exif = \'{"Model": "A camera of old"}\''))
    open_media(page, own_server, a_media(own_library))
    page.get_by_text("EXIF").click()
    expect(page.get_by_text("A camera of old")).to_be_visible()
    page.get_by_role("button", name="Edit the text").click()
    page.get_by_label("Caption").fill("A caption of the curator's own")
    page.get_by_label("Keywords").fill("one, two")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("A caption of the curator's own", exact=True).first).to_be_visible(timeout=60_000)
    expect(page.locator("[data-text-shown] .tag")).to_have_text(["one", "two"])


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_media__accessible(
    make_page: Callable[..., Page],
    demo_server: str,
    demo_library: Services,
    check_accessibility: Callable[[Page], None],
    take_screenshot: Callable[[Page, str], None],
    width: int,
    scheme: str,
) -> None:
    page = make_page(width, 844, scheme)
    open_media(page, demo_server, a_media(demo_library))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    come_to_rest(page)
    check_accessibility(page)
    take_screenshot(page, f"admin-media-{width}-{scheme}")
    page.get_by_role("button", name="Edit the text").click()
    check_accessibility(page)
