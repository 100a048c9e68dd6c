"""What pages show where there is nothing yet, too much, or something went wrong, or is still on its way."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, Route, expect
from pydantic import SecretStr

from backend.bootstrap import build_services
from backend.features.access import create_account, make_login_link
from backend.features.services import Services
from backend.files.storage import thumbnail_keys
from backend.web.server import create_web_app
from scripts.demo_site import serving
from tests.support.clients import PASSWORD
from tests.support.pages import draw_twice, pause_of
from tests.support.waiting import wait_for

WIDTHS = (1440, 390)
LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft and everything else that somebody writes"

Look = Callable[..., None]


def run_sql(services: Services, statement: str, **parameters: object) -> None:
    with services.database.transaction() as session:
        session.execute(sa.text(statement), parameters)


A_HUNDRED_GROUPS = (
    "WITH made AS (INSERT INTO cluster (label) SELECT 'One of many ' || n FROM generate_series(1, 100) n RETURNING id) "
    "INSERT INTO centroid (space_id, cluster_id, embedding_sum, member_count, centroid) "
    "SELECT space_id, made.id, embedding_sum, 1, centroid FROM made, (SELECT * FROM centroid LIMIT 1) AS c"
)


def scroll_until(page: Page, is_so: Callable[[], object], *, by: int = 2000) -> None:
    """Scroll down until something has come; fails where it does not come."""

    def scroll(seconds: float) -> None:
        page.mouse.wheel(0, by)
        page.wait_for_timeout(1000 * seconds)

    wait_for(is_so, every_seconds=0.1, pause=scroll)


def scrolled_to(page: Page) -> int:
    """How far the page is scrolled, once it stands still."""
    places: list[int] = []

    def stands_still() -> bool:
        draw_twice(page)
        places.append(page.evaluate("scrollY"))
        return places[-3:] == [places[-1]] * 3

    wait_for(stands_still, pause=pause_of(page))
    return places[-1]


def hold(page: Page, pattern: str) -> list[Route]:
    """Requests that are kept waiting until somebody lets them go on."""
    held: list[Route] = []
    page.route(pattern, lambda route: held.append(route))  # noqa: PLW0108 - it has to be a function
    return held


def let_go(page: Page, held: list[Route], pattern: str) -> None:
    for route in held:
        route.continue_()
    page.unroute(pattern)


@pytest.fixture
def large_group(own_library: Services) -> int:
    """A group of three hundred, most of which are vectors alone."""
    with own_library.database.transaction() as session:
        largest = session.execute(
            sa.text("SELECT cluster_id FROM centroid ORDER BY member_count DESC, cluster_id LIMIT 1")
        ).scalar_one()
        session.execute(
            sa.text(
                """
                WITH one AS (SELECT * FROM membership JOIN embedding USING (media_id, space_id) WHERE cluster_id = :id LIMIT 1),
                new AS (
                  INSERT INTO media (id, source, status, upload_seq, embedded_at, ready_at, title)
                  SELECT gen_random_uuid(), 'embeddings', 'ready', 10000 + n, now(), now(), 'One of many ' || n
                    FROM generate_series(1, 290) n RETURNING id
                ), vectors AS (
                  INSERT INTO embedding (space_id, media_id, image_embedding, text_embedding)
                  SELECT space_id, new.id, image_embedding, text_embedding FROM new, one
                ), members AS (
                  INSERT INTO membership (media_id, cluster_id, space_id, similarity, threshold, founder)
                  SELECT new.id, cluster_id, space_id, similarity, threshold, false FROM new, one
                )
                UPDATE centroid SET member_count = member_count + 290 WHERE cluster_id = :id
                """
            ),
            {"id": largest},
        )
    return largest


@pytest.mark.parametrize("width", WIDTHS)
def test_empty__every_page_says_how_to_go_on(
    make_page: Callable[..., Page], empty_server: str, look: Look, width: int
) -> None:
    page = make_page(width, 844)
    for path, heading in (
        ("", "No groups yet"),
        ("search", "Find by words"),
        ("review", "Nothing left here"),
        ("quality", "Nothing to measure yet"),
        ("quality/labels", "Nothing to measure yet"),
        ("quality/map", "Nothing to draw yet"),
        ("operations", "Nothing has failed."),
    ):
        page.goto(f"{empty_server}/admin/{path}")
        expect(page.get_by_text(heading).first).to_be_visible()
        page.wait_for_load_state("networkidle")
        look(page, f"empty-{path.replace('/', '-') or 'wall'}")
    page.goto(f"{empty_server}/admin/search?q=a+boat")
    expect(page.get_by_role("heading", name="Nothing to find yet")).to_be_visible(timeout=90_000)
    page.get_by_role("link", name="Upload pictures").click()
    expect(page.get_by_text("Drop pictures or whole folders here")).to_be_visible()


@pytest.mark.parametrize("width", WIDTHS)
def test_errors__every_page_says_what_to_do(
    make_page: Callable[..., Page], demo_server: str, look: Look, faults: Any, width: int
) -> None:
    faults.allow("40[04]")
    page = make_page(width, 844)
    for path, code in (
        ("nowhere", "not_found"),
        ("clusters/999999", "not_found"),
        ("media/01a20757-dbbc-7203-b2a8-d64a814c904f", "not_found"),
        ("media/nonsense", "malformed_request"),
        ("?sort=by+magic", "malformed_request"),
    ):
        page.goto(f"{demo_server}/admin/{path}")
        expect(page.locator("[data-problem]")).to_have_attribute("data-problem", code)
        look(page, f"error-{path.partition('/')[0].strip('?=+').replace('=', '-')}-{code}", axe=path == "nowhere")
        page.get_by_role("link", name="All groups").click()
        expect(page.locator(".card").first).to_be_visible()


def test_errors__a_page_for_admins(
    make_page: Callable[..., Page], own_library: Services, own_server: str, look: Look, faults: Any
) -> None:
    faults.allow("403")
    create_account(own_library.database, "grace", "curator", PASSWORD, actor="test")
    for width in WIDTHS:
        page = make_page(width, 844, anonymous=True)
        page.goto(f"{own_server}/admin/login")
        page.get_by_label("Name").fill("grace")
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.locator(".card").first).to_be_visible()
        expect(page.get_by_role("link", name="Operations")).to_have_count(0)
        page.goto(f"{own_server}/admin/operations")
        expect(page.get_by_role("heading", name="This page is for admins.")).to_be_visible()
        look(page, "error-403")
        page.goto(f"{own_server}/admin/account")
        expect(page.get_by_role("heading", name="Where you are logged in")).to_be_visible()
        look(page, "account-curator")


def test_errors__the_database_is_gone(
    make_page: Callable[..., Page], demo_library: Services, signed_in: Any, look: Look, faults: Any
) -> None:
    faults.allow("503")
    nowhere = SecretStr("postgresql://nobody@127.0.0.1:1/nothing")
    services = build_services(demo_library.settings.model_copy(update={"database_url": nowhere}))
    with serving(create_web_app(services)) as url:
        signed_in.add_server(url)
        for width in WIDTHS:
            page = make_page(width, 844)
            page.goto(f"{url}/admin/")
            expect(page.locator("[data-problem=backend_unavailable]")).to_be_visible()
            expect(page.get_by_role("link", name="Try again")).to_be_visible()
            look(page, "error-503")
        signed_in.close_contexts()
    services.database.dispose()


def test_login__too_old_and_too_often(
    make_page: Callable[..., Page], own_library: Services, own_server: str, look: Look, faults: Any
) -> None:
    faults.allow("401|429")
    create_account(own_library.database, "grace", "curator", PASSWORD, actor="test")
    _name, secret = make_login_link(own_library.database, None, actor="test")
    run_sql(own_library, "UPDATE login_link SET expires_at = now() - interval '1 minute'")
    for width in WIDTHS:
        page = make_page(width, 844, anonymous=True)
        page.goto(f"{own_server}/admin/login#link={secret}")
        expect(page.get_by_role("alert")).to_contain_text("has expired or was already used")
        look(page, "login-old-link")
        for _ in range(6):
            page.get_by_label("Name").fill("grace")
            page.get_by_label("Password").fill("not the password")
            page.keyboard.press("Enter")
            page.wait_for_load_state()
        expect(page.locator("[data-problem=rate_limited]")).to_be_visible()
        look(page, "login-rate-limited")


def test_loading__what_is_on_its_way_is_seen(
    page: Page, demo_server: str, demo_library: Services, take_screenshot: Callable[[Page, str], None]
) -> None:
    page.goto(f"{demo_server}/admin/")
    page.wait_for_load_state("networkidle")
    group = page.locator(".card").first.get_attribute("href")
    held = hold(page, "**/clusters/wall**")
    page.get_by_label("Order").select_option("newest")
    expect(page.locator("#wall-busy")).to_have_css("opacity", "1")
    take_screenshot(page, "loading-wall")
    let_go(page, held, "**/clusters/wall**")
    expect(page.locator("#wall-busy")).to_have_css("opacity", "0")
    for address, pattern, name in (
        ("/admin/?q=a+boat", "**/clusters/found**", "loading-found"),
        ("/admin/search?q=a+boat", "**/search/hits", "loading-search"),
    ):
        held = hold(page, pattern)
        page.goto(demo_server + address)
        expect(page.locator(".skeleton").first).to_be_visible()
        take_screenshot(page, name)
        let_go(page, held, pattern)
        expect(page.locator(".skeleton")).to_have_count(0, timeout=90_000)
    held = hold(page, "**/similar")
    page.goto(demo_server + str(group))
    page.locator("[data-media] a").first.click()
    expect(page.locator("[data-hits] .skeleton").first).to_be_visible()
    take_screenshot(page, "loading-similar")
    let_go(page, held, "**/similar")
    expect(page.locator("[data-hits] .skeleton")).to_have_count(0)
    # What a dialog shows comes after a while, too.
    page.goto(demo_server + str(group))
    for button, pattern in (("Split", "**/halves"), ("Merge", "**/targets**")):
        held = hold(page, pattern)
        page.get_by_role("button", name=button, exact=True).click()
        expect(page.locator("#asking")).to_have_css("opacity", "1")
        take_screenshot(page, f"loading-{button.lower()}")
        let_go(page, held, pattern)
        expect(page.locator("#asking")).to_have_css("opacity", "0")
        expect(page.locator(".half, [data-target]").first).to_be_visible()
        page.keyboard.press("Escape")


def test_failing__what_did_not_come_can_be_asked_for_again(
    page: Page, own_server: str, own_library: Services, faults: Any, take_screenshot: Callable[[Page, str], None]
) -> None:
    faults.allow("ERR_CONNECTION_REFUSED|console error: htmx:(sendError|afterRequest)")
    run_sql(own_library, A_HUNDRED_GROUPS)
    gone: Callable[[Route], None] = lambda route: route.abort("connectionrefused")  # noqa: E731
    for address, pattern, sign in (
        ("/admin/?q=a+boat", "**/clusters/found**", ".strip img"),
        ("/admin/search?q=a+boat", "**/search/hits", ".hit-title"),
        ("/admin/", "**/clusters/cards**", "text=One of many 77"),
    ):
        page.route(pattern, gone)
        page.goto(own_server + address)
        again = page.locator("main").get_by_role("button", name="Try again")
        scroll_until(page, again.is_visible)
        expect(page.locator("main [aria-busy=true]")).to_have_count(0)
        take_screenshot(page, f"failing-{pattern.strip('*/').replace('/', '-').rstrip('*')}")
        page.unroute(pattern)
        again.click()
        scroll_until(page, page.locator(sign).count)
        expect(again).to_have_count(0)
    # Endless, and every group once.
    scroll_until(page, lambda: page.locator(".sentinel").count() == 0)
    shown = page.locator(".card").evaluate_all("all => all.map(one => one.dataset.cluster)")
    assert len(shown) == len(set(shown))
    expect(page.locator(".page-title")).to_contain_text(f"{len(shown)} · 160 pictures")


def test_scrolling__a_key_goes_on_from_what_is_in_view(page: Page, own_server: str, own_library: Services) -> None:
    """Also while more is on its way, and what comes leaves the focus and the place alone."""
    run_sql(own_library, A_HUNDRED_GROUPS)
    page.goto(f"{own_server}/admin/")
    page.wait_for_load_state("networkidle")
    held = hold(page, "**/clusters/cards**")
    scroll_until(page, lambda: held, by=600)
    before, cards = scrolled_to(page), page.locator(".card").count()
    assert before > 600
    page.keyboard.press("j")
    focused = page.locator(".card:focus")
    expect(focused).to_be_in_viewport()
    assert abs(scrolled_to(page) - before) < 300
    name, place = focused.get_attribute("data-cluster"), scrolled_to(page)
    let_go(page, held, "**/clusters/cards**")
    expect(page.locator(".card").nth(cards)).to_be_attached()
    expect(focused).to_have_attribute("data-cluster", str(name))
    assert scrolled_to(page) == place
    page.keyboard.press("j")
    expect(focused).not_to_have_attribute("data-cluster", str(name))
    expect(focused).to_be_in_viewport()


@pytest.mark.parametrize("width", WIDTHS)
def test_words__however_long_stay_in_their_place(
    make_page: Callable[..., Page], own_library: Services, own_server: str, look: Look, width: int
) -> None:
    run_sql(own_library, "UPDATE cluster SET label = :long || id", long=(LONG + " ") * 2)
    run_sql(
        own_library,
        "UPDATE media SET title = :long, caption = :long, location = :long, keywords = ARRAY[:word, 'sea'], story = :long",
        long=LONG * 2,
        word=LONG.split(maxsplit=1)[0],
    )
    page = make_page(width, 844)
    page.goto(f"{own_server}/admin/")
    page.wait_for_load_state("networkidle")
    look(page, "long-wall", axe=False)
    page.locator(".card").first.click()
    page.wait_for_url("**/clusters/*")
    page.wait_for_load_state("networkidle")
    look(page, "long-group", axe=False)
    page.get_by_role("button", name="Merge").click()
    expect(page.locator("[data-target]").first).to_be_visible()
    look(page, "long-picker", axe=False)
    page.keyboard.press("Escape")
    page.locator("[data-media] a").first.click()
    expect(page.locator("[data-hits] .hit-title").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    look(page, "long-picture", axe=False)
    page.goto(f"{own_server}/admin/search?q=sea")
    expect(page.locator(".hit-title").first).to_be_visible(timeout=90_000)
    look(page, "long-search", axe=False)


@pytest.mark.parametrize("width", WIDTHS)
def test_pictures__that_are_not_there(
    make_page: Callable[..., Page],
    own_library: Services,
    own_server: str,
    look: Look,
    faults: Any,
    width: int,
) -> None:
    """Of media that came as vectors there are none; of others the file may be lost."""
    run_sql(
        own_library,
        "UPDATE media SET source = 'embeddings', sha256 = NULL, original_key = NULL, mime = NULL, width = NULL, height = NULL, "
        "byte_size = NULL WHERE upload_seq % 3 <> 0",
    )
    with own_library.database.transaction() as session:
        lost = session.execute(
            sa.text("SELECT sha256 FROM media WHERE sha256 IS NOT NULL AND get_byte(sha256, 0) % 2 = 0")
        ).scalars()
        keys = [key for sha256 in lost for key in thumbnail_keys(sha256)]
    assert keys
    for key in keys:
        own_library.storage.delete(key)
    faults.allow("404")
    page = make_page(width, 844)
    page.goto(f"{own_server}/admin/")
    page.wait_for_load_state("networkidle")
    look(page, "lost-wall")
    # A picture counts as complete a moment before its error event, so a single look may fall between the two.
    failed = "imgs => imgs.filter(img => img.complete && img.naturalWidth === 0 && !img.classList.contains('is-missing')).length"
    wait_for(lambda: page.locator("img").evaluate_all(failed) == 0, pause=pause_of(page))
    assert page.locator("img.is-missing").count() > 0
    page.locator(".card").first.click()
    page.wait_for_url("**/clusters/*")
    page.wait_for_load_state("networkidle")
    look(page, "lost-group")
    page.locator("[data-media] .no-picture").first.click()
    page.wait_for_url("**/media/*")
    expect(page.locator("[data-hits] .hit-title").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    look(page, "lost-picture")
    expect(page.get_by_role("link", name="Original")).to_have_count(0)
    page.goto(f"{own_server}/admin/search?q=sea")
    expect(page.locator(".hit-title").first).to_be_visible(timeout=90_000)
    page.wait_for_load_state("networkidle")
    look(page, "lost-search")


def test_group__of_three_hundred(
    make_page: Callable[..., Page], own_server: str, own_library: Services, large_group: int, look: Look
) -> None:
    """Members come as somebody scrolls; all of them are selected, whether they have come or not."""
    page = make_page(1440, 900)
    page.goto(f"{own_server}/admin/clusters/{large_group}")
    page.wait_for_load_state("networkidle")
    look(page, "large-group")
    members = page.locator("[data-media]")
    assert members.count() < 200
    page.keyboard.press("a")
    bar = page.get_by_role("toolbar", name="Selection")
    size = int(page.locator("#cluster").get_attribute("data-size") or 0)
    assert size > 290
    expect(bar).to_contain_text(f"{size} selected")
    scroll_until(page, lambda: page.locator(".sentinel").count() == 0, by=4000)
    expect(members).to_have_count(size)
    assert len(set(members.evaluate_all("all => all.map(one => one.dataset.media)"))) == size
    expect(page.locator("[data-media].is-selected")).to_have_count(size)
    # What is done far below leaves the curator there.
    page.keyboard.press("Escape")
    far = members.nth(size - 3)
    far.scroll_into_view_if_needed()
    far.hover()
    far.locator(".check").click()
    page.keyboard.press("n")
    page.get_by_role("button", name="Make the group").click()
    expect(page.locator(".toast").get_by_role("button", name="Undo")).to_be_visible()
    expect(members).to_have_count(size - 1)
    assert page.evaluate("scrollY") > 2000
    page.set_viewport_size({"width": 390, "height": 844})
    look(page, "large-group", axe=False)


# How far things have moved without anybody's doing (Cumulative Layout Shift, web.dev); 0.1 is held to be good.
SHIFTED = """new Promise((done) => {
    let moved = 0;
    const watch = new PerformanceObserver((list) => {
      for (const one of list.getEntries()) if (!one.hadRecentInput) moved += one.value;
      done(moved);
    });
    watch.observe({ type: 'layout-shift', buffered: true });
    setTimeout(() => done(moved), 200);
})"""


def test_layout__nothing_moves_while_a_page_comes(
    make_page: Callable[..., Page], demo_library: Services, demo_server: str
) -> None:
    with demo_library.database.transaction() as session:
        found = session.execute(sa.text("SELECT cluster_id, media_id FROM membership ORDER BY media_id LIMIT 1")).one()
    page = make_page(390, 844)
    moved = {}
    for path in (
        *("", "?q=a+boat", f"clusters/{found.cluster_id}", f"media/{found.media_id}", "search?q=a+boat", "upload"),
        *("review", "quality", "operations", "account"),
    ):
        page.goto(f"{demo_server}/admin/{path}")
        expect(page.locator(".skeleton")).to_have_count(0, timeout=90_000)
        page.wait_for_load_state("networkidle")
        moved[path] = page.evaluate(SHIFTED)
    assert {path: value for path, value in moved.items() if value > 0.05} == {}
