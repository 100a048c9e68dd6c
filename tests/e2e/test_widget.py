"""`<similar-media>` under a static page of another site."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, Route, expect
from starlette.middleware.cors import CORSMiddleware

from backend.cli.keys import create_key
from backend.features.services import Services
from backend.store.schema import Media
from backend.web.server import create_web_app
from scripts.demo_site import serving, serving_folder, write_blog
from tests.support.pages import pause_of
from tests.support.ports import closed_port
from tests.support.waiting import wait_for

CARD = "similar-media li"


@pytest.fixture(scope="module")
def server(demo_library: Services) -> Iterator[str]:
    """The library's server, which lets pages of other sites ask."""
    with serving(_open_to_all(demo_library)) as url:
        yield url


@pytest.fixture(scope="module")
def media(demo_library: Services) -> Media:
    """A picture with words."""
    with demo_library.database.transaction() as session:
        statement = sa.select(Media).where(Media.title != "", Media.story != "").order_by(Media.upload_seq).limit(1)
        return session.execute(statement).scalar_one()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    with serving_folder(tmp_path) as url:
        yield url


@pytest.fixture
def open_blog(site: str, tmp_path: Path, server: str, media: Media, page: Page) -> Callable[..., Page]:
    """Write the page with attributes of the widget, and go there."""

    def open_it(attributes: str = "", *, server: str = server, on: Page = page) -> Page:
        write_blog(tmp_path / "index.html", server, media, attributes)
        # What the widget says, kept for the test.
        on.add_init_script(
            "window.heard = []; for (const what of ['load', 'error'])"
            " addEventListener(`similar-media-${what}`, (event) => heard.push({what, ...event.detail}));"
        )
        on.goto(site)
        return on

    return open_it


def _open_to_all(services: Services) -> CORSMiddleware:
    return CORSMiddleware(create_web_app(services), allow_origins=["*"], allow_headers=["Authorization"])


def _loaded(page: Page, count: int = 3) -> None:
    """Wait until so many pictures are there."""
    page.wait_for_function(
        """(count) => {
            const found = [...document.querySelector("similar-media").shadowRoot.querySelectorAll("img")];
            return found.length === count && found.every((image) => image.complete && image.naturalWidth > 0);
        }""",
        arg=count,
    )


def _heard(page: Page, what: str) -> dict[str, Any]:
    """The detail of the last event of this name."""
    page.wait_for_function("(what) => heard.at(-1)?.what === what", arg=what)
    return page.evaluate("heard.at(-1)")


def _shown(page: Page) -> list[tuple[str, str]]:
    return [
        (card.locator(".title").inner_text(), card.locator(".location").inner_text())
        for card in page.locator(CARD).all()
    ]


def _height(page: Page) -> float:
    """The height of the widget on the page."""
    box = page.locator("similar-media").bounding_box()
    assert box is not None
    return box["height"]


def _asked(
    server: str, media: Media, headers: dict[str, str] | None = None, **query: str | float
) -> list[tuple[str, str]]:
    """Titles and locations as the API gives them."""
    answer = httpx.get(f"{server}/media/{media.id}/similar", params=query, headers=headers)
    return [
        (one["title"] or one["location"] or one["shown_title"], one["location"]) for one in answer.json()["results"]
    ]


def test_widget__three_cards_in_the_order_of_the_api(open_blog: Callable[..., Page], server: str, media: Media) -> None:
    page = open_blog()
    _loaded(page)
    assert _shown(page) == _asked(server, media)
    section = page.get_by_role("region", name="Similar pictures")
    expect(section).to_have_attribute("aria-busy", "false")
    expect(section.get_by_role("heading", level=2)).to_have_text("Similar pictures")
    hits = httpx.get(f"{server}/media/{media.id}/similar").json()["results"]
    assert _heard(page, "load")["results"] == hits
    assert [image.get_attribute("alt") for image in section.locator("img").all()] == [hit["caption"] for hit in hits]


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_widget__looks(
    make_page: Callable[..., Page],
    open_blog: Callable[..., Page],
    check_accessibility: Callable[[Page], None],
    take_screenshot: Callable[[Page, str], None],
    width: int,
    height: int,
    color_scheme: str,
) -> None:
    page = open_blog('link="/photos/{id}"', on=make_page(width, height, color_scheme))
    page.locator("similar-media").scroll_into_view_if_needed()
    _loaded(page)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    check_accessibility(page)
    take_screenshot(page, f"widget-{width}-{color_scheme}")


def test_widget__nothing_moves_when_it_fills(open_blog: Callable[..., Page], page: Page) -> None:
    answers: list[Route] = []
    page.set_viewport_size({"width": 1440, "height": 3000})
    page.route("**/similar?*", lambda route: answers.append(route))  # noqa: PLW0108 - it marks what it is given
    open_blog('k="12"')
    expect(page.locator("similar-media section")).to_have_attribute("aria-busy", "true")
    before = page.locator("similar-media").bounding_box()
    wait_for(lambda: answers, pause=pause_of(page))[0].continue_()
    _loaded(page, 12)
    shapes = page.locator("similar-media img").evaluate_all(
        "(all) => all.map((one) => one.naturalHeight > one.naturalWidth)"
    )
    assert True in shapes, "a tall picture is what would push its card open"
    assert page.locator("similar-media").bounding_box() == before
    shifts = page.evaluate(
        """new Promise((resolve) => new PerformanceObserver((list) => resolve(list.getEntries().map((one) => one.value)))
            .observe({ type: "layout-shift", buffered: true }) ?? setTimeout(() => resolve([]), 300))"""
    )
    assert sum(shifts) < 0.01


def test_widget__attributes_change(open_blog: Callable[..., Page], server: str, media: Media) -> None:
    page = open_blog('k="2" alpha="0" heading="Mehr davon" link="/photos/{id}"')
    _loaded(page, 2)
    assert _shown(page) == _asked(server, media, k=2, alpha=0)
    first = _heard(page, "load")["results"][0]["media_id"]
    expect(page.get_by_role("region", name="Mehr davon").get_by_role("link").first).to_have_attribute(
        "href", f"/photos/{first}"
    )
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.evaluate(
        """() => {
            const widget = document.querySelector("similar-media");
            widget.setAttribute("alpha", "1"); widget.setAttribute("k", "5"); widget.setAttribute("heading", "");
        }"""
    )
    _loaded(page, 5)
    assert _shown(page) == _asked(server, media, k=5, alpha=1)
    expect(page.locator("similar-media h2")).to_have_count(0)
    assert len([url for url in requests if "/similar?" in url]) == 1


def test_widget__a_late_answer_is_not_shown(open_blog: Callable[..., Page], server: str, media: Media) -> None:
    page = open_blog()
    _loaded(page)
    late: list[Route] = []
    page.route("**/similar?k=4", lambda route: late.append(route))  # noqa: PLW0108 - it marks what it is given
    page.evaluate("document.querySelector('similar-media').setAttribute('k', 4)")
    wait_for(lambda: late, pause=pause_of(page))
    page.evaluate("document.querySelector('similar-media').setAttribute('k', 1)")
    _loaded(page, 1)
    late[0].continue_()
    page.wait_for_timeout(700)  # for what must not come
    assert _shown(page) == _asked(server, media, k=1)
    assert page.evaluate("heard.map((one) => one.results?.length)") == [3, 1]


def test_widget__waits_until_the_reader_comes_near(open_blog: Callable[..., Page], page: Page) -> None:
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.add_init_script(
        "addEventListener('DOMContentLoaded', () => document.querySelector('article').style.minHeight = '5000px')"
    )
    open_blog()
    page.wait_for_timeout(500)
    assert not [url for url in requests if "/similar?" in url]
    page.locator("similar-media").scroll_into_view_if_needed()
    _loaded(page)


def test_widget__hostile_words_are_text(
    own_library: Services, open_blog: Callable[..., Page], check_accessibility: Callable[[Page], None]
) -> None:
    hostile = '<img src=x onerror="window.hacked = 1"><script>window.hacked = 1</script>\' " &amp;'
    with own_library.database.transaction() as session:
        session.execute(sa.update(Media).values(title=hostile, location=hostile, caption=hostile))
    with serving(_open_to_all(own_library)) as server:
        page = open_blog('link="/photos/{id}"', server=server)
        _loaded(page)
        assert {title for title, _ in _shown(page)} == {hostile}
        assert page.evaluate("window.hacked") is None
        check_accessibility(page)


def test_widget__media_without_words(own_library: Services, open_blog: Callable[..., Page]) -> None:
    with own_library.database.transaction() as session:
        session.execute(sa.update(Media).values(title="", location="", caption="", file_name=""))
    with serving(_open_to_all(own_library)) as server:
        page = open_blog('link="/photos/{id}" untitled="Ohne Titel"', server=server)
        _loaded(page)
        expect(page.get_by_role("link", name="Ohne Titel")).to_have_count(3)


def test_widget__media_without_titles(own_library: Services, open_blog: Callable[..., Page], media: Media) -> None:
    """They are called by what their captions begin with, else by their place, else by their files."""
    words = [
        {"caption": "A quay at dusk. The boats are in.", "location": "Skagen"},
        {"location": "Cape Wrath"},
        {},
    ]
    with serving(_open_to_all(own_library)) as server:
        found = httpx.get(f"{server}/media/{media.id}/similar").json()["results"]
        with own_library.database.transaction() as session:
            session.execute(sa.update(Media).values(title="", location="", caption="", file_name="IMG_2041.HEIC"))
            for one, said in zip(found, words, strict=True):
                session.execute(sa.update(Media).where(Media.id == one["media_id"]).values(file_name="1.jpg", **said))
        page = open_blog(server=server)
        _loaded(page)
        assert _shown(page) == [("A quay at dusk", "Skagen"), ("Cape Wrath", ""), ("1.jpg", "")]


def test_widget__sends_its_key_with_every_request(
    own_library: Services, open_blog: Callable[..., Page], page: Page, site: str, media: Media, faults: Any
) -> None:
    keyed = replace(own_library, settings=own_library.settings.model_copy(update={"authentication": "keys"}))
    _, key = create_key(keyed.database, "blog", "read", [site])
    sent: dict[str, str | None] = {}
    page.on("request", lambda request: sent.update({request.url: request.headers.get("authorization")}))
    faults.allow("size=large")  # the page's own picture, which shows no key
    with serving(create_web_app(keyed)) as server:
        open_blog(f'key="{key}"', server=server)
        _loaded(page)
        assert _shown(page) == _asked(server, media, headers={"Authorization": f"Bearer {key}"})
    similar = [url for url in sent if f"{media.id}/similar?" in url]
    thumbnails = [url for url in sent if url.endswith("/thumbnail")]
    assert (len(similar), len(thumbnails)) == (1, 3)
    assert {sent[url] for url in similar + thumbnails} == {f"Bearer {key}"}
    assert key not in "".join(sent)
    faults.allow("blob:")
    # The pictures are given back: what their addresses stood for is gone.
    images = page.locator("similar-media img").all()
    assert all((image.get_attribute("src") or "").startswith("blob:") for image in images)
    assert (
        page.evaluate("(url) => fetch(url).then(() => 'kept', () => 'gone')", images[0].get_attribute("src")) == "gone"
    )


@pytest.mark.parametrize("fault", ["no key", "another site's key"])
def test_widget__without_a_right_to_ask(
    own_library: Services, open_blog: Callable[..., Page], page: Page, site: str, faults: Any, fault: str
) -> None:
    keyed = replace(own_library, settings=own_library.settings.model_copy(update={"authentication": "keys"}))
    create_key(keyed.database, "blog", "read", [site])
    _, foreign = create_key(keyed.database, "other", "read", ["https://other.example"])
    faults.allow("(console error|response 40[13]|request failed).*similar")
    faults.allow("size=large")  # the page's own picture, which shows no key
    with serving(create_web_app(keyed)) as server:
        open_blog("" if fault == "no key" else f'key="{foreign}"', server=server)
        assert _heard(page, "error")["code"] == ("unauthorized" if fault == "no key" else "forbidden")
    assert _height(page) == 0


def test_widget__by_keyboard(open_blog: Callable[..., Page]) -> None:
    page = open_blog('link="#{id}"')
    _loaded(page)
    ids = [hit["media_id"] for hit in _heard(page, "load")["results"]]
    for media_id in ids:
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/#{media_id}")
    outline = page.locator(CARD).last.evaluate("(card) => getComputedStyle(card).outlineStyle")
    assert outline == "solid"


@pytest.mark.parametrize(
    ("attribute", "value", "code"),
    [
        ("media-id", "01a20757-dbbc-7203-b2a8-d64a814c904f", "not_found"),
        ("media-id", "../health/live?", "not_found"),
        ("media-id", "no id", "malformed_request"),
        ("k", "many", "malformed_request"),
        ("alpha", "2", "malformed_request"),
        ("server", "nowhere", "unreachable"),
        ("server", "https://[", "unreachable"),
    ],
)
def test_widget__is_gone_and_says_why(
    open_blog: Callable[..., Page], faults: Any, attribute: str, value: str, code: str
) -> None:
    faults.allow("(console error|response 4|request failed).*(similar|connection|CONNECTION)")
    page = open_blog()
    _loaded(page)
    with closed_port() as port:
        value = f"http://127.0.0.1:{port}" if value == "nowhere" else value
        page.evaluate(
            "([name, value]) => document.querySelector('similar-media').setAttribute(name, value)", [attribute, value]
        )
        detail = _heard(page, "error")
    assert detail["code"] == code
    assert detail["message"]
    assert _height(page) == 0
    page.evaluate("document.querySelector('similar-media').removeAttribute('media-id')")
    page.wait_for_timeout(100)
    assert page.evaluate("heard.length") == 2


def test_widget__a_library_of_one_shows_nothing(own_library: Services, open_blog: Callable[..., Page]) -> None:
    page = open_blog('k="1"')
    page.route(
        "**/similar?*", lambda route: route.fulfill(json={"results": []}, headers={"Access-Control-Allow-Origin": "*"})
    )
    page.reload()
    assert _heard(page, "load")["results"] == []
    assert _height(page) == 0


def test_widget__removed_while_it_asks(open_blog: Callable[..., Page]) -> None:
    page = open_blog()
    page.evaluate(
        """() => {
            const widget = document.querySelector("similar-media");
            widget.remove(); widget.setAttribute("k", "4"); document.body.append(widget); widget.remove();
        }"""
    )
    page.wait_for_timeout(300)
    assert page.evaluate("heard.filter((one) => one.what === 'error')") == []
    page.evaluate("document.body.append(Object.assign(document.createElement('similar-media')))")


def test_widget_script__headers(demo_server: str) -> None:
    answer = httpx.get(f"{demo_server}/widget/similar-media.js")
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cache-control"] == "public, max-age=3600"
    assert re.fullmatch('"[0-9a-f]{32}"', answer.headers["etag"])
    again = httpx.get(answer.url, headers={"If-None-Match": f'W/{answer.headers["etag"]}, "other"'})
    assert (again.status_code, again.content) == (304, b"")
    assert httpx.get(answer.url, headers={"If-None-Match": '"other"'}).status_code == 200


def test_widget_script__is_small_and_needs_nothing(demo_server: str) -> None:
    script = httpx.get(f"{demo_server}/widget/similar-media.js").text
    assert len(script.encode()) < 8_192
    assert "import" not in re.sub(r"//.*", "", script)
    assert "innerHTML" not in script
