"""Wait for what a page does."""

from collections.abc import Callable

from playwright.sync_api import Page


def pause_of(page: Page) -> Callable[[float], object]:
    """A pause during which Playwright hears what the browser tells."""
    return lambda seconds: page.wait_for_timeout(1000 * seconds)


def draw_twice(page: Page) -> None:
    """Let two frames pass: what a script has asked to be drawn, or has put off to the next frame, is there."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def come_to_rest(page: Page) -> None:
    """Wait until no animation or transition of the page goes on."""
    draw_twice(page)
    page.evaluate("Promise.allSettled(document.getAnimations().map((one) => one.finished))")
