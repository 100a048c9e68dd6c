"""A browser before a real server over a real library.

`demo_library` and `demo_server` are shared by all tests of a process: look, do not touch. A test that changes anything
takes `own_library` and `own_server`: a copy of the same library, made in a moment.

Pages are logged in to both, as `ada`, an admin, whose session is copied with the library; `make_page(anonymous=True)` is not.

`E2E_SCREENSHOTS=folder` makes `take_screenshot` write into that folder; `scripts/contact_sheet.py` puts them side by side.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response, expect

from backend.bootstrap import build_services
from backend.demo.gallery import write_gallery
from backend.embedded import ensure_servers
from backend.embedded.locks import exclusive
from backend.features.access import hash_secret, make_secret
from backend.features.services import Services
from backend.settings import Settings, load_settings
from backend.store.access import Role, insert_account, insert_session
from backend.web.server import create_web_app
from scripts.demo_site import Look, fill_library, open_browser, open_context, serving

PICTURE_COUNT = 60
_PATIENCE_MS = 30_000  # machines that run tests are busy; what never comes fails all the same
expect.set_options(timeout=_PATIENCE_MS)

_TOO_WIDE = """[...document.querySelectorAll('main *')].filter((one) => one.getBoundingClientRect().right > innerWidth)
    .map((one) => `${one.localName}.${one.className}`).slice(0, 8)"""

# What passes is thousands of lines, which would go from the browser to Node and on to Python.
_AXE_VIOLATIONS = "axe.run({ resultTypes: ['violations'] }).then(({ violations }) => ({ violations }))"


@dataclass
class Faults:
    """What went wrong in the pages of a test. `allow` what a test provokes, by a pattern of its line."""

    lines: list[str] = field(default_factory=list)
    # The browser asks for an icon by itself, when it likes.
    allowed: list[re.Pattern[str]] = field(default_factory=lambda: [re.compile(r"/favicon\.ico")])

    def allow(self, pattern: str) -> None:
        self.allowed.append(re.compile(pattern))

    @property
    def unexpected(self) -> list[str]:
        return [line for line in self.lines if not any(pattern.search(line) for pattern in self.allowed)]

    def watch(self, context: BrowserContext) -> None:
        context.on("console", self._hear_console)
        context.on("weberror", lambda error: self.lines.append(f"page error: {error.error}"))
        context.on("requestfailed", self._hear_failed_request)
        context.on("response", self._hear_response)

    def _hear_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.lines.append(f"console {message.type}: {message.text} ({message.location.get('url', '')})")

    def _hear_failed_request(self, request: Request) -> None:
        # Aborted requests are those that a page cancelled itself, by leaving or by sending a new one.
        if request.failure != "net::ERR_ABORTED":
            self.lines.append(f"request failed: {request.method} {request.url}: {request.failure}")

    def _hear_response(self, response: Response) -> None:
        if response.status >= 400:
            self.lines.append(f"response {response.status}: {response.request.method} {response.url}")


@dataclass
class SignedIn:
    """Logs every context in to every server, in whichever order they come. A cookie is for one port, by its name."""

    secret: str
    servers: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    def add_server(self, url: str) -> None:
        self.servers.append(url)
        for context in self.contexts:
            context.add_cookies([self._cookie(url)])  # type: ignore[list-item]

    def add_context(self, context: BrowserContext) -> None:
        self.contexts.append(context)
        context.add_cookies([self._cookie(url) for url in self.servers])  # type: ignore[misc]

    def close_contexts(self) -> None:
        """Before their server goes: what a page still asks for would fail."""
        for context in self.contexts:
            context.close()

    def _cookie(self, url: str) -> dict[str, object]:
        name = f"mediacluster-{urlsplit(url).port}"
        return {"name": name, "value": self.secret, "url": f"{url}/admin/", "httpOnly": True, "sameSite": "Lax"}


@pytest.fixture(scope="session")
def signed_in() -> SignedIn:
    return SignedIn(make_secret())


@pytest.fixture(scope="session")
def filled_library(
    signed_in: SignedIn,
    servers_home: Path,
    template: str,
    make_database_url: Callable[[str | None], str],
    tmp_path_factory: pytest.TempPathFactory,
    run_folder: Path,
) -> Services:
    """Pictures that are rendered, embedded and assigned. Nobody connects to its database but to copy it."""
    home = tmp_path_factory.mktemp("e2e") / "home"
    services = build_services(_settings(make_database_url(template), servers_home, home))
    with exclusive(run_folder / "gallery.lock"):  # the second worker finds the rendered pictures
        write_gallery(run_folder / "gallery", PICTURE_COUNT)
    fill_library(services, run_folder / "gallery", PICTURE_COUNT)
    _let_in(services, signed_in.secret)
    services.database.dispose()
    return services


@pytest.fixture(scope="session")
def empty_server(
    signed_in: SignedIn,
    servers_home: Path,
    template: str,
    make_database_url: Callable[[str | None], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """The base URL over a library that nobody has put anything into yet."""
    home = tmp_path_factory.mktemp("empty") / "home"
    services = build_services(_settings(make_database_url(template), servers_home, home))
    _let_in(services, signed_in.secret)
    with serving(create_web_app(services)) as url:
        signed_in.add_server(url)
        yield url
    services.database.dispose()


@pytest.fixture(scope="session")
def copy_library(
    filled_library: Services, servers_home: Path, make_database_url: Callable[[str | None], str]
) -> Callable[[Path], Services]:
    """Make copies of the library in a home that is given. They share the encoders that are loaded already."""

    def copy(home: Path) -> Services:
        settings = _settings(make_database_url(_database_name(filled_library.settings)), servers_home, home)
        shutil.copytree(filled_library.settings.home_path / "storage", settings.home_path / "storage")
        return replace(build_services(settings), lazy_encoders=filled_library.lazy_encoders)

    return copy


@pytest.fixture(scope="session")
def demo_library(
    copy_library: Callable[[Path], Services], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Services]:
    """A library of rendered pictures, embedded and assigned with the demo encoders, that tests share."""
    services = copy_library(tmp_path_factory.mktemp("demo-library") / "home")
    yield services
    services.database.dispose()


@pytest.fixture(scope="session")
def demo_server(demo_library: Services, signed_in: SignedIn) -> Iterator[str]:
    """The base URL of the whole web application over `demo_library`."""
    with serving(create_web_app(demo_library)) as url:
        signed_in.add_server(url)
        yield url


@pytest.fixture
def own_library(copy_library: Callable[[Path], Services], tmp_path: Path) -> Iterator[Services]:
    """A copy of the library that the test may change."""
    services = copy_library(tmp_path / "own-library")
    yield services
    services.database.dispose()


@pytest.fixture
def own_server(own_library: Services, signed_in: SignedIn) -> Iterator[str]:
    """The base URL of the whole web application over `own_library`."""
    with serving(create_web_app(own_library)) as url:
        signed_in.add_server(url)
        yield url
        signed_in.close_contexts()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


@pytest.fixture
def faults() -> Iterator[Faults]:
    """Console errors and warnings, page errors, failed requests and answers of 400 and above: none, or the test fails."""
    seen = Faults()
    yield seen
    assert seen.unexpected == []


@pytest.fixture
def make_page(browser: Browser, faults: Faults, signed_in: SignedIn) -> Iterator[Callable[..., Page]]:
    """Open pages of a width, height and color scheme, each in a profile of its own that is logged in."""
    contexts: list[BrowserContext] = []

    def make(
        width: int = 1440,
        height: int = 900,
        color_scheme: str = "light",
        *,
        anonymous: bool = False,
        touch: bool = False,
    ) -> Page:
        context = open_context(browser, Look(width, height, color_scheme, touch))  # type: ignore[arg-type]
        context.set_default_timeout(_PATIENCE_MS)
        faults.watch(context)
        contexts.append(context)
        if not anonymous:
            signed_in.add_context(context)
        return context.new_page()

    yield make
    signed_in.contexts.clear()
    for context in contexts:
        context.close()


@pytest.fixture
def page(make_page: Callable[..., Page]) -> Page:
    return make_page()


@pytest.fixture
def take_screenshot() -> Callable[[Page, str], None]:
    """Write a picture of a whole page as NAME.png into the folder that E2E_SCREENSHOTS names; without it, nothing."""

    def take(page: Page, name: str) -> None:
        if folder := os.environ.get("E2E_SCREENSHOTS"):
            page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)

    return take


@pytest.fixture
def look(
    take_screenshot: Callable[[Page, str], None], check_accessibility: Callable[[Page], None]
) -> Callable[..., None]:
    """Nothing is wider than the window, and axe finds nothing, in the light theme and in the dark. There are screenshots of both."""

    def look_at(page: Page, name: str, *, axe: bool = True) -> None:
        width = page.viewport_size["width"] if page.viewport_size else 0
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, page.evaluate(_TOO_WIDE))
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
            if os.environ.get("E2E_SCREENSHOTS"):
                page.wait_for_timeout(300)  # until the other theme is painted
            take_screenshot(page, f"{name}-{width}-{scheme}")
            if axe:
                check_accessibility(page)

    return look_at


@pytest.fixture
def check_accessibility() -> Callable[[Page], None]:
    """Fail on what axe finds against WCAG 2 A and AA and its best practices."""

    def check(page: Page) -> None:
        if not page.evaluate("'axe' in window"):
            page.evaluate(AXE_SCRIPT)
        found = AxeResults(page.evaluate(_AXE_VIOLATIONS))
        assert found.violations_count == 0, found.generate_report()

    return check


def _let_in(services: Services, secret: str) -> None:
    """A session of `ada`, an admin."""
    with services.database.transaction() as session:
        ada = insert_account(session, "ada", Role.ADMIN, None)
        insert_session(session, ada.id, hash_secret(secret), seconds=86_400, address="127.0.0.1", user_agent="tests")


def _settings(database_url: str, servers_home: Path, home: Path) -> Settings:
    return load_settings(
        _env_file=None,
        home=home,
        database_url=database_url,
        redis_url=ensure_servers(servers_home).redis_url,
        preset="demo",
    )


def _database_name(settings: Settings) -> str:
    assert settings.database_url is not None
    return settings.database_url.get_secret_value().partition("?")[0].rpartition("/")[2]
