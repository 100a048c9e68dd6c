"""The quality page and the map in a browser. The map is really drawn: its pixels are looked at, and the mouse finds its points."""

import io
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from backend.features.evaluation import Job, measure
from backend.features.services import Services
from backend.rules.measures import projection
from backend.store.evaluation import MapPoints, find_map_points, find_mapped_media
from backend.store.media import get_media
from backend.store.spaces import get_active_space
from backend.web.server import create_web_app
from scripts.demo_site import serving
from tests.support.pages import come_to_rest, draw_twice

# A process of its own is started, which imports everything again.
PATIENCE_MS = 120_000


@pytest.fixture(autouse=True)
def reading_pixels_takes_time(faults: Any) -> None:
    """The browser says so of every picture that is taken of the map."""
    faults.allow("GPU stall due to ReadPixels")


@pytest.fixture(scope="module")
def measured_library(
    copy_library: Callable[..., Services], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Services]:
    """A copy of the library with its figures and its map: by principal components, which take no time."""
    services = copy_library(tmp_path_factory.mktemp("measured") / "home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(projection, "has_umap", lambda: False)
        measure(services, Job.FIGURES)
        measure(services, Job.MAP)
    # The library knows no labels of its own: pictures come from folders now.
    with services.database.transaction() as session:
        session.execute(
            sa.text(
                "UPDATE media SET source_uri = '/photos/kind ' || cluster_id || '/' || id FROM membership "
                "WHERE media_id = id"
            )
        )
    measure(services, Job.EVALUATION)
    yield services
    services.database.dispose()


@pytest.fixture(scope="module")
def measured_server(measured_library: Services, signed_in: Any) -> Iterator[str]:
    with serving(create_web_app(measured_library)) as url:
        signed_in.add_server(url)
        yield url


@pytest.fixture(scope="module")
def points(measured_library: Services) -> MapPoints:
    with measured_library.database.transaction() as session:
        found = find_map_points(session, get_active_space(session).id)
    assert found is not None
    return found


def open_map(page: Page, server: str, query: str = "") -> Locator:
    page.goto(f"{server}/admin/quality/map{query}")
    expect(page.locator("#map[data-ready]")).to_be_visible()
    page.wait_for_load_state("networkidle")
    draw_twice(page)  # it is ready a frame before it is seen
    return page.locator(".map-canvas")


def on_screen(canvas: Locator, point: Any) -> tuple[float, float]:
    """Where the page shows a point of the whole map."""
    box = canvas.bounding_box()
    assert box is not None
    zoom = min(box["width"], box["height"]) / 2 * 0.92
    # The whole map is shown beside the list of groups.
    panel = canvas.page.locator(".map-groups").bounding_box()
    assert panel is not None
    middle = (panel["x"] + panel["width"] + box["x"] + box["width"]) / 2
    return middle + float(point[0]) * zoom, box["y"] + box["height"] / 2 - float(point[1]) * zoom


def pixels(page: Page) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB")).astype(int)


def lonely(points: MapPoints) -> int:
    """The point that lies farthest from all others, and not under the list of groups."""
    away = np.linalg.norm(points.points[:, None] - points.points[None], axis=2) + 9 * np.eye(len(points.points))
    return int(np.where(points.points[:, 0] > -0.4, away.min(axis=1), 0).argmax())


def title_of(services: Services, points: MapPoints, row: int) -> tuple[str, str]:
    with services.database.transaction() as session:
        media_id = find_mapped_media(session, get_active_space(session).id, int(points.map_indexes[row]))
        assert media_id is not None
        return str(media_id), get_media(session, media_id).shown_title or "Untitled picture"


def test_figures__slider_tells_what_another_threshold_comes_to(page: Page, measured_server: str) -> None:
    page.goto(f"{measured_server}/admin/quality")
    slider = page.get_by_role("slider", name="Threshold")
    expect(page.locator("[data-out=threshold]")).to_have_text("0.82")
    expect(page.get_by_role("button", name="Try it")).to_be_disabled()
    groups = int(page.locator("[data-out=clusters]").inner_text())
    place = page.locator("[data-mark]").get_attribute("x1")
    below = page.locator("[data-out=below]").inner_text()
    slider.focus()
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    expect(page.locator("[data-out=threshold]")).to_have_text("0.94")
    expect(slider).to_have_attribute("aria-valuetext", "0.94")
    assert int(page.locator("[data-out=clusters]").inner_text()) > groups
    assert page.locator("[data-change=clusters]").inner_text().startswith("+")
    assert page.locator("[data-mark]").get_attribute("x1") != place
    assert page.locator("[data-out=below]").inner_text() != below
    page.keyboard.press("Home")
    expect(page.locator("[data-out=threshold]")).to_have_text("0.50")


def test_figures__measured_by_a_process_of_its_own_applied_and_undone(
    page: Page, own_server: str, own_library: Services
) -> None:
    def clusters() -> Counter[int]:
        with own_library.database.transaction() as session:
            return Counter(session.execute(sa.text("SELECT cluster_id FROM membership")).scalars())

    before = clusters()
    page.goto(f"{own_server}/admin/quality")
    expect(page.get_by_text("Measuring")).to_be_visible()
    slider = page.get_by_role("slider", name="Threshold")
    expect(slider).to_be_visible(timeout=PATIENCE_MS)
    slider.focus()
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    expect(page.locator("[data-out=threshold]")).to_have_text("0.94")
    moved = page.locator("[data-out=moved]").inner_text()
    page.get_by_role("button", name="Try it").click()
    dialog = page.get_by_role("dialog", name="Threshold 0.94")
    expect(dialog).to_contain_text(f"{moved} pictures would be in another group")
    assert clusters() == before
    dialog.get_by_role("button", name="Regroup").click()
    expect(dialog).to_be_hidden()
    expect(page.locator(".toast")).to_contain_text("Threshold 0.94 instead of 0.82")
    assert clusters() != before
    page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(page.locator(".toast")).to_contain_text("Undid")
    assert clusters() == before


def test_figures__nothing_there_yet(page: Page, own_server: str, own_library: Services) -> None:
    with own_library.database.transaction() as session:
        session.execute(sa.text("TRUNCATE media, cluster, centroid CASCADE"))
    page.goto(f"{own_server}/admin/quality")
    expect(page.get_by_role("heading", name="Nothing to measure yet")).to_be_visible()
    page.get_by_role("link", name="Map").click()
    expect(page.get_by_role("heading", name="Nothing to draw yet")).to_be_visible()


def test_map__is_drawn(page: Page, measured_server: str, points: MapPoints) -> None:
    canvas = open_map(page, measured_server)
    shown = pixels(page)
    box = canvas.bounding_box()
    assert box is not None
    ground = shown[int(box["y"] + 30), int(box["x"] + box["width"] - 30)]
    # Those that the list of groups does not lie over.
    free = points.points[points.points[:, 0] > -0.4]
    assert len(free) > 20
    for point in free:
        x, y = on_screen(canvas, point)
        assert np.abs(shown[int(y), int(x)] - ground).sum() > 60
    # And nothing is where there is no point.
    assert np.abs(shown[int(box["y"] + box["height"] / 2), int(box["x"] + box["width"] - 10)] - ground).sum() < 6


def test_map__the_mouse_shows_and_opens_a_picture(
    page: Page, measured_server: str, measured_library: Services, points: MapPoints
) -> None:
    canvas = open_map(page, measured_server)
    row = lonely(points)
    media_id, title = title_of(measured_library, points, row)
    x, y = on_screen(canvas, points.points[row])
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] - 30, box["y"] + 30)
    expect(page.locator("[data-map-card]")).to_be_hidden()
    page.mouse.move(x + 3, y - 3)
    card = page.locator("[data-map-card]")
    expect(card).to_be_visible()
    expect(card.locator("b")).to_have_text(title)
    assert card.locator("img").evaluate("one => one.decode().then(() => one.naturalWidth)") > 0
    page.mouse.down()
    page.mouse.up()
    page.wait_for_url(f"**/admin/media/{media_id}")


def test_map__moves_and_zooms_under_the_mouse(
    page: Page, measured_server: str, measured_library: Services, points: MapPoints
) -> None:
    canvas = open_map(page, measured_server)
    row = lonely(points)
    _id, title = title_of(measured_library, points, row)
    x, y = on_screen(canvas, points.points[row])
    # What the wheel turns over stays where it is.
    page.mouse.move(x, y)
    page.mouse.wheel(0, -600)
    page.mouse.move(x + 2, y + 2)
    expect(page.locator("[data-map-card] b")).to_have_text(title)
    page.mouse.down()
    page.mouse.move(x - 60, y + 40, steps=4)
    page.mouse.up()
    assert "/quality/map" in page.url
    page.mouse.move(x - 60 - 300, y)
    page.mouse.move(x - 62, y + 38)
    expect(page.locator("[data-map-card] b")).to_have_text(title)


def test_map__a_chosen_group_stands_out(page: Page, measured_server: str, points: MapPoints) -> None:
    canvas = open_map(page, measured_server)
    group = int(np.bincount(points.groups[points.points[:, 0] > -0.4]).argmax())
    before = pixels(page)
    label = points.labels[group] or f"Group {points.cluster_ids[group]}"
    page.get_by_label("Find a group").fill(label)
    button = page.locator(f'[data-map-list] button[data-row="{group}"]')
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    page.mouse.move(5, 5)
    come_to_rest(page)
    after = pixels(page)

    def colourfulness(shown: np.ndarray, row: int) -> int:
        x, y = on_screen(canvas, points.points[row])
        return int(np.ptp(shown[int(y), int(x)]))

    free = np.flatnonzero(points.points[:, 0] > -0.4).tolist()
    inside = [row for row in free if points.groups[row] == group]
    # Where a point of the group lies over another one, that one is not seen.
    outside = [
        row
        for row in free
        if points.groups[row] != group
        and np.linalg.norm(points.points[inside] - points.points[row], axis=1).min() > 0.08
    ]
    assert np.mean([colourfulness(after, row) for row in inside]) > 60
    assert np.mean([colourfulness(before, row) for row in outside]) > 60
    assert np.mean([colourfulness(after, row) for row in outside]) < 25
    page.goto(f"{measured_server}/admin/quality/map?group={points.cluster_ids[group]}")
    expect(page.locator(f'[data-map-list] button[data-row="{group}"]')).to_have_attribute("aria-pressed", "true")


def test_map__by_keyboard_alone(page: Page, measured_server: str) -> None:
    canvas = open_map(page, measured_server)
    canvas.focus()
    page.keyboard.press("n")
    card = page.locator("[data-map-card]")
    expect(card).to_be_visible()
    first = card.locator("b").inner_text()
    page.keyboard.press("n")
    expect(page.locator("[data-map-says]")).not_to_be_empty()
    page.keyboard.press("p")
    expect(card.locator("b")).to_have_text(first)
    before = pixels(page)
    for key in ("+", "ArrowLeft", "ArrowUp"):
        page.keyboard.press(key)
    come_to_rest(page)
    assert np.abs(pixels(page) - before).sum() > 10_000
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/media/*")


def test_map__without_webgl_it_says_so(page: Page, measured_server: str) -> None:
    page.add_init_script(
        "const get = HTMLCanvasElement.prototype.getContext;"
        "HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {"
        "  return kind.startsWith('webgl') ? null : get.call(this, kind, ...rest); };"
    )
    page.goto(f"{measured_server}/admin/quality/map")
    expect(page.get_by_text("without WebGL")).to_be_visible()
    expect(page.locator("canvas")).to_have_count(0)


def test_map__pictures_come_later_and_it_is_drawn_anew(page: Page, own_server: str, own_library: Services) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(projection, "has_umap", lambda: False)
        measure(own_library, Job.MAP)
        with own_library.database.transaction() as session:
            # As if they had come after it.
            session.execute(
                sa.text(
                    "UPDATE quality_report SET points = substr(points, 1, 24 * 50), "
                    "content = jsonb_set(content, '{points}', '50') WHERE kind = 'map'"
                )
            )
        open_map(page, own_server)
        expect(page.locator("#map-state")).to_contain_text("10 not on the map yet")
        expect(page.locator("#map")).to_have_attribute("data-ready", "50")
        measure(own_library, Job.MAP)
    # Another process drew it: the page finds it with the next look at the state.
    page.evaluate("htmx.ajax('GET', '/admin/quality/map/state', { target: '#map-state', swap: 'outerHTML' })")
    expect(page.locator("#map")).to_have_attribute("data-ready", "60")
    expect(page.locator("#map-state")).not_to_contain_text("not on the map yet")


def test_labels__curves_and_what_is_suggested(page: Page, measured_server: str) -> None:
    page.goto(f"{measured_server}/admin/quality")
    page.get_by_role("link", name="Labels").click()
    expect(page.get_by_role("img", name="ndcg@10 by alpha")).to_have_count(2)
    expect(page.get_by_role("img", name="Adjusted Rand index by threshold")).to_be_visible()
    expect(page.get_by_role("heading", name="Suggested")).to_be_visible()
    expect(page.get_by_role("button", name="Evaluate again")).to_be_visible()


def test_phone__all_pages_are_reached(make_page: Callable[..., Page], measured_server: str) -> None:
    page = make_page(390, 844)
    page.goto(f"{measured_server}/admin/quality")
    page.get_by_role("button", name="More").click()
    page.get_by_role("button", name="Use the dark theme").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.keyboard.press("Escape")
    expect(page.locator("#more")).to_be_hidden()
    bar = page.locator(".rail").bounding_box()
    assert bar is not None
    for link in page.locator(".rail-list > li:visible").all():
        box = link.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")])
@pytest.mark.parametrize("path", ["quality", "quality/map", "quality/labels"])
def test_quality__accessible(
    make_page: Callable[..., Page],
    measured_server: str,
    check_accessibility: Callable[[Page], None],
    take_screenshot: Callable[[Page, str], None],
    width: int,
    scheme: str,
    path: str,
) -> None:
    page = make_page(width, 844, scheme)
    page.goto(f"{measured_server}/admin/{path}")
    page.wait_for_load_state("networkidle")
    check_accessibility(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    take_screenshot(page, f"admin-{path.replace('/', '-')}-{width}-{scheme}")
