"""Every page by keyboard alone: whatever can be used is reached by Tab, the focus is seen and not hidden, nothing traps it, and it
is not lost where something is swapped, hidden or closed. Axe finds nothing there, at either width, in either theme."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from backend.features.evaluation import Job, measure
from backend.features.naming import refresh_labels
from backend.features.services import Services
from backend.rules.measures import projection
from backend.store.review import QueryKind, record_judgement
from backend.web.server import create_web_app
from scripts.demo_review import fill_review
from scripts.demo_site import serving
from scripts.demo_spaces import fill_spaces
from tests.support.operations import fill_operations
from tests.support.pages import draw_twice, pause_of
from tests.support.waiting import wait_for

WIDTHS = (1440, 390)
MOST_PRESSES = 300

# What has the focus: whether a ring is drawn about it (or about what stands for it), within the window, and not wholly below
# something else. None where the focus has left the page.
FOCUSED = """() => {
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  const hasRing = (part) => {
    const style = part && getComputedStyle(part);
    return style && style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
  };
  const label = one.closest('label');
  const ring = [label, ...(label?.querySelectorAll('*') ?? []), one, one.parentElement, one.parentElement?.parentElement]
    .find((part) => hasRing(part) && part.getBoundingClientRect().width > 4);
  const box = (ring ?? one).getBoundingClientRect();
  const isClear = [[.5, .5], [.1, .1], [.9, .1], [.1, .9], [.9, .9]].some(([right, down]) => {
    const hit = document.elementFromPoint(box.left + box.width * right, box.top + box.height * down);
    return hit && ((ring ?? one).contains(hit) || one.contains(hit));
  });
  (window.reached ??= new Set()).add(one);
  return { name: `${one.localName} ${one.id} ${one.className} ${one.getAttribute('aria-label') ?? one.innerText ?? ''}`.slice(0, 90),
           place: [...document.querySelectorAll('*')].indexOf(one), hasRing: Boolean(ring), isClear };
}"""

# A radio button that is not chosen is reached by arrows; what has a tabindex of -1 has a key of its own.
NOT_REACHED = """() => [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')]
  .filter((one) => !window.reached.has(one) && !one.disabled && one.tabIndex >= 0 && one.type !== 'hidden'
    && one.checkVisibility({ visibilityProperty: true })
    && !(one.type === 'radio' && [...window.reached].some((other) => other.name === one.name)))
  .map((one) => `${one.localName} ${one.className} ${(one.getAttribute('aria-label') ?? one.innerText).slice(0, 40)}`)"""


@pytest.fixture(scope="module")
def full_library(copy_library: Callable[..., Services], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """A copy of the library in which every page has something on it. Its map is by principal components, which take no time."""
    services = copy_library(tmp_path_factory.mktemp("full") / "home")
    fill_review(services)
    refresh_labels(services)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(projection, "has_umap", lambda: False)
        for job in (Job.FIGURES, Job.MAP, Job.EVALUATION):
            measure(services, job)
    fill_spaces(services)
    with services.database.transaction() as session:
        for media_id in session.execute(sa.text("SELECT id FROM media ORDER BY upload_seq DESC LIMIT 4")).scalars():
            record_judgement(session, QueryKind.WORDS, "a boat", media_id, is_right=True, actor="account:ada")
    fill_operations(services)
    yield services
    services.database.dispose()


@pytest.fixture(scope="module")
def full_server(full_library: Services, signed_in: Any) -> Iterator[str]:
    with serving(create_web_app(full_library)) as url:
        signed_in.add_server(url)
        yield url


def path_of(services: Services, name: str) -> str:
    with services.database.transaction() as session:
        largest = session.execute(
            sa.text("SELECT cluster_id FROM centroid ORDER BY member_count DESC, cluster_id LIMIT 1")
        ).scalar_one()
        member = session.execute(
            sa.text("SELECT media_id FROM membership WHERE cluster_id = :id ORDER BY media_id LIMIT 1"), {"id": largest}
        ).scalar_one()
    return {"wall": "", "group": f"clusters/{largest}", "picture": f"media/{member}", "found": "?q=sea"}.get(name, name)


@pytest.fixture
def picture_file(full_library: Services) -> str:
    with full_library.database.transaction() as session:
        key = session.execute(
            sa.text("SELECT original_key FROM media WHERE status = 'ready' ORDER BY upload_seq LIMIT 1")
        ).scalar_one()
    path = full_library.storage.local_path(key)
    assert path is not None
    return str(path)


PAGES = (
    *(
        "wall",
        "found",
        "group",
        "picture",
        "search",
        "search?q=a+boat",
        "upload",
        "review",
        "review?kind=near_duplicate",
    ),
    *("quality", "quality/labels", "quality/judgements", "quality/map", "model", "operations", "account"),
)


def open_settled(page: Page, url: str) -> None:
    page.goto(url)
    page.wait_for_load_state("load")
    expect(page.locator("[aria-busy=true], .skeleton")).to_have_count(0, timeout=90_000)
    # Judgements are loaded after the hits, and add two buttons to each.
    waiting = page.locator("#hits:not(.is-judged) .judge, ol[data-hits]:not(.is-judged) .judge")
    expect(waiting).to_have_count(0, timeout=90_000)
    if page.locator("#map").count():
        expect(page.locator("#map[data-ready]")).to_be_visible()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_axe__finds_nothing_in_either_theme(
    full_server: str,
    full_library: Services,
    make_page: Callable[..., Page],
    check_accessibility: Callable[[Page], None],
    faults: Any,
    name: str,
    width: int,
) -> None:
    faults.allow("GPU stall due to ReadPixels")
    page = make_page(width, 844)
    open_settled(page, f"{full_server}/admin/{path_of(full_library, name)}")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        draw_twice(page)
        check_accessibility(page)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_tab__reaches_all_that_can_be_used(
    full_server: str, full_library: Services, make_page: Callable[..., Page], faults: Any, name: str, width: int
) -> None:
    faults.allow("GPU stall due to ReadPixels")
    page = make_page(width, 844)
    open_settled(page, f"{full_server}/admin/{path_of(full_library, name)}")
    page.evaluate("window.reached = new Set(); document.activeElement.blur()")
    # From the top, whatever had the focus at first.
    page.locator(".skip").focus()
    seen = [page.evaluate(FOCUSED)]
    for _ in range(MOST_PRESSES):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if focused is None:
            break
        seen.append(focused)
    else:
        pytest.fail(f"Tab does not leave the page; it was last at {[one['name'] for one in seen[-5:]]}")
    places = [one["place"] for one in seen]
    assert len(places) == len(set(places)), "it came to something twice"
    assert [one["name"] for one in seen if not one["hasRing"]] == []
    assert [one["name"] for one in seen if not one["isClear"]] == []
    assert page.evaluate(NOT_REACHED) == []


FOCUS_IS_ON = """() => {
  const one = document.activeElement;
  return one === document.body ? 'body' : one.id || one.getAttribute('aria-label') || one.innerText || one.localName;
}"""


def focus_is_on(page: Page) -> str:
    """After two frames, by when what is lost has been found again."""
    draw_twice(page)
    return str(page.evaluate(FOCUS_IS_ON)).strip()


def expect_focus(page: Page, pattern: str) -> None:
    """The focus comes to what this pattern names, however long the page takes, and stays there."""
    wait_for(lambda: re.fullmatch(pattern, focus_is_on(page), re.DOTALL), seconds=60, pause=pause_of(page))
    assert re.fullmatch(pattern, focus_is_on(page), re.DOTALL)


def test_focus__after_a_dialog_and_a_slider(full_server: str, page: Page) -> None:
    page.goto(f"{full_server}/admin/quality")
    page.get_by_role("slider", name="Threshold").focus()
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect_focus(page, "Try it")


def test_focus__rows_that_go(own_server: str, own_library: Services, page: Page) -> None:
    with own_library.database.transaction() as session:
        for media_id in session.execute(sa.text("SELECT id FROM media ORDER BY upload_seq LIMIT 3")).scalars():
            record_judgement(session, QueryKind.WORDS, "a boat", media_id, is_right=True, actor="account:ada")
    fill_operations(own_library)
    page.goto(f"{own_server}/admin/quality/judgements")
    rows = page.locator(".judged-row")
    rows.first.get_by_role("button").focus()
    for left in (2, 1):
        page.keyboard.press("Enter")
        expect(rows).to_have_count(left)
        expect_focus(page, r"Withdraw.*")
    # The last one: what is left are the fields.
    page.keyboard.press("Enter")
    expect(rows).to_have_count(0)
    expect_focus(page, r"(?!body$).*")

    page.goto(f"{own_server}/admin/operations")
    failed = page.locator(".failed")
    before = failed.count()
    failed.first.get_by_role("button").focus()
    page.keyboard.press("Enter")
    expect(failed).to_have_count(before - 1)
    expect_focus(page, r"retry-.*")
    # Parts that are updated every few seconds do not take the focus.
    page.locator("#workers").focus()
    with page.expect_response("**/operations/live*"):
        page.evaluate("htmx.trigger('#live', 'refresh')")
    expect(page.locator(".htmx-request")).to_have_count(0)
    expect_focus(page, "workers")


def test_focus__where_text_was_changed_the_page_comes_anew(own_server: str, own_library: Services, page: Page) -> None:
    page.goto(f"{own_server}/admin/{path_of(own_library, 'picture')}")
    page.keyboard.press("e")
    page.keyboard.type("By keys alone")
    with page.expect_event("load"):
        page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="By keys alone")).to_be_visible()
    expect_focus(page, "edit-text")


def test_focus__a_picture_to_search_by_comes_and_goes(
    full_server: str, full_library: Services, page: Page, picture_file: str
) -> None:
    page.on("filechooser", lambda _: None)  # from now on the browser tells of it, however soon it comes
    page.goto(f"{full_server}/admin/search")
    page.keyboard.press("Tab")
    focus_is_on(page)
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(picture_file)
    expect(page.locator(".hit").first).to_be_visible(timeout=90_000)
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    expect_focus(page, "Without the picture")
    page.keyboard.press("Enter")
    expect(page.locator("[data-dropped]")).to_be_hidden()
    expect_focus(page, "q")
    # On to a hit, a word on it, and Ctrl Z takes that back.
    expect(page.locator("#hits.is-judged")).to_have_count(0)
    page.keyboard.type("a lighthouse")
    expect(page).to_have_url(re.compile(r"q=a\+lighthouse$"))
    expect(page.locator(".htmx-request")).to_have_count(0, timeout=90_000)  # also for half of the words
    expect(page.locator("#hits.is-judged")).to_be_visible(timeout=90_000)
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    expect(page.locator("#hits [data-item]:focus")).to_be_visible()
    page.keyboard.press("y")
    expect(page.locator(".toast")).to_contain_text("Noted as right")
    hit = focus_is_on(page)
    page.keyboard.press("Control+z")
    expect(page.locator(".toast")).to_contain_text("Judgement withdrawn")
    expect_focus(page, re.escape(hit))


def test_focus__uploads_by_addresses(own_server: str, page: Page, faults: Any) -> None:
    faults.allow("422.*/upload/url|/upload/url.*422")
    page.goto(f"{own_server}/admin/upload")
    page.keyboard.press("a")
    page.keyboard.insert_text("file:///etc/passwd")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".upload")).to_have_count(1)
    expect_focus(page, "From addresses")


def test_focus__new_groups_are_shown(own_server: str, own_library: Services, page: Page) -> None:
    page.goto(f"{own_server}/admin/")
    with own_library.database.transaction() as session:
        session.execute(
            sa.text(
                "WITH made AS (INSERT INTO cluster (label) VALUES ('Just arisen') RETURNING id) "
                "INSERT INTO centroid (space_id, cluster_id, embedding_sum, member_count, centroid) "
                "SELECT space_id, made.id, embedding_sum, 1, centroid FROM made, (SELECT * FROM centroid LIMIT 1) AS c"
            )
        )
    expect(page.locator("[data-news]")).to_be_visible()
    page.get_by_label("Order").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".card").first).to_contain_text("Just arisen")
    expect_focus(page, r".*Just arisen.*")


def test_focus__another_model_is_compared(own_library: Services, own_server: str, page: Page) -> None:
    fill_spaces(own_library)
    page.goto(f"{own_server}/admin/model")
    compare = page.get_by_role("button", name="Compare", exact=True)
    compare.focus()
    name = focus_is_on(page)
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect_focus(page, re.escape(name))
    page.keyboard.press("Enter")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Compare").focus()
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("status").first).to_contain_text("Comparing narrow")
    expect_focus(page, re.escape(name))
    expect(page.get_by_role("status").first).to_contain_text("is compared", timeout=120_000)
    expect_focus(page, re.escape(name))


def test_focus__the_last_item_of_a_queue(own_server: str, own_library: Services, page: Page) -> None:
    fill_review(own_library)
    page.goto(f"{own_server}/admin/review?kind=outlier")
    page.get_by_role("button", name="Skip").focus()
    while not page.locator("#done").is_visible():
        page.keyboard.press("Enter")
        page.wait_for_timeout(50)
    expect_focus(page, r"(?!(body|main)$).*")
