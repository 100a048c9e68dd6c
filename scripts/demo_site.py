"""A library of rendered pictures with a server and a browser, for browser tests and screenshots."""

import html
import platform
import shutil
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from string import Template
from typing import Literal

import uvicorn
from playwright.sync_api import Browser, BrowserContext, sync_playwright
from starlette.types import ASGIApp

from backend.demo.gallery import write_gallery
from backend.features.intake import ImportReport, import_items, list_items
from backend.features.services import Services
from backend.features.steps import Assigner, embed_batch, open_active_space
from backend.store.schema import Media
from backend.web.middleware.heads import TimedHeads
from backend.web.server import WebServer

ColorScheme = Literal["light", "dark"]

_BROWSER_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_MAC_BROWSER = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
_UNWANTED_FEATURES = (
    # Pages below the address bar, each a process: they take more than half of the time to open a window.
    *("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup"),
    # Features that Playwright disables itself, because this flag replaces its own.
    *("AvoidCorsURLLoaderRestartOnRedirect", "AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose"),
    *("HttpsFirstBalancedModeAutoEnable", "HttpsUpgrades", "LensOverlay", "MediaRouter", "PaintHolding"),
    *("AimEnabled", "NetworkTimeServiceQuerying", "OptimizationHints", "PreconnectToSearch"),
    "ThirdPartyStoragePartitioning",
)
_BROWSER_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--disable-features={','.join(_UNWANTED_FEATURES)}",
)
_STOP_SECONDS = 20.0
_BLOG = Path(__file__).with_name("blog.html")


@dataclass(frozen=True)
class Look:
    """Window size and appearance of a page."""

    width: int = 1440
    height: int = 900
    color_scheme: ColorScheme = "light"
    touch: bool = False


def fill_library(services: Services, folder: Path, count: int) -> list[uuid.UUID]:
    """Render `count` pictures into `folder`, import, embed and assign them in this process. Returns their ids in upload order."""
    write_gallery(folder, count)
    space = open_active_space(services)
    items, _skipped = list_items(services, [str(folder)])
    report = ImportReport()
    for _item in import_items(services, items, report):
        pass
    while embed_batch(services, space):
        pass
    Assigner(services, space).assign_waiting()
    return report.media_ids


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """Serve an application in a thread, on a free loopback port. Yields the base URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = WebServer(
        uvicorn.Config(app, http=TimedHeads, log_level="warning", ws="none", timeout_graceful_shutdown=2)
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="web", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(_STOP_SECONDS)
        listener.close()


@contextmanager
def serving_folder(folder: Path) -> Iterator[str]:
    """Serve files as another site, on a free loopback port. Yields the base URL."""
    handler = partial(_QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, name="site", daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(_STOP_SECONDS)


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        pass


def write_blog(path: Path, server: str, media: Media, attributes: str = "") -> None:
    """Write a static page about a picture, with the widget below it. `attributes` are the widget's, as HTML."""
    words = {
        "title": media.shown_title or "Untitled",
        "caption": media.caption,
        "story": media.story,
        "server": server,
        "media_id": str(media.id),
    }
    page = Template(_BLOG.read_text("utf-8"))
    escaped = {name: html.escape(value) for name, value in words.items()}
    path.write_text(page.substitute(escaped, attributes=attributes), "utf-8")


def find_browser() -> str:
    """Find Chromium or Chrome in the same way as `scripts/ensure_browser.sh`.

    Raises:
        FileNotFoundError: there is none.
    """
    for name in _BROWSER_NAMES:
        if path := shutil.which(name):
            return path
    if platform.system() == "Darwin" and _MAC_BROWSER.exists():
        return str(_MAC_BROWSER)
    raise FileNotFoundError("There is no Chromium or Chrome on PATH. Run `bash scripts/ensure_browser.sh --install`.")


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Open a headless browser that makes no background requests."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=list(_BROWSER_FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def open_context(browser: Browser, look: Look) -> BrowserContext:
    """Open a fresh profile with this look. Animations are reduced, so that screenshots do not depend on timing."""
    return browser.new_context(
        viewport={"width": look.width, "height": look.height},
        color_scheme=look.color_scheme,
        has_touch=look.touch,
        is_mobile=look.touch,
        reduced_motion="reduce",
        locale="en-GB",
        timezone_id="UTC",
    )
