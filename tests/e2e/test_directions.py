"""Words of people stand in the direction of their script, so that what is cut off is their end."""

import pytest
from playwright.sync_api import Page, expect

from backend.features.services import Services
from tests.e2e.test_admin_media import a_media

# A copy, because a browser may keep the direction of an element that is there already.
DIRECTION = """(element, words) => {
  const copy = element.cloneNode();
  copy.textContent = words;
  element.replaceWith(copy);
  return getComputedStyle(copy).direction;
}"""
PLACES = {
    "the label of a card": ("/admin/", ".card-label"),
    "a title": ("/admin/media/{id}", "h1"),
    "a caption": ("/admin/media/{id}", "p.story"),
    "the title of a similar picture": ("/admin/media/{id}", "[data-hits] .hit-title"),
    "the title of a hit": ("/admin/search?q=sea", ".hit-title"),
}


@pytest.mark.parametrize("place", PLACES)
def test_words__stand_in_the_direction_of_their_script(
    page: Page, demo_server: str, demo_library: Services, place: str
) -> None:
    path, selector = PLACES[place]
    page.goto(demo_server + path.format(id=a_media(demo_library)))
    words = page.locator(selector).first
    expect(words).to_be_visible()

    assert words.evaluate(DIRECTION, "صورة من البحر") == "rtl"
    assert words.evaluate(DIRECTION, "A picture of the sea") == "ltr"
