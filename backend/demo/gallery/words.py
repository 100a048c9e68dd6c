"""Titles, captions, keywords, places, stories and dates for a look."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from backend.demo.gallery.kinds import KINDS
from backend.demo.gallery.look import Look
from backend.demo.gallery.vocabulary import VOCABULARY

_WHEN = {
    "dawn": ("at dawn", "at sunrise", "early in the morning", "in soft morning light"),
    "noon": ("at noon", "in bright daylight", "in the midday sun", "on a bright day", "by day"),
    "dusk": ("at dusk", "at sunset", "in the evening glow", "as the sun goes down"),
    "night": ("at night", "after dark", "by moonlight", "late at night"),
}
_WHEN_INDOORS = {
    "dawn": ("in morning light", "early in the morning"),
    "noon": ("in daylight", "at midday"),
    "dusk": ("in warm evening light", "in the evening"),
    "night": ("by lamplight", "late at night"),
}
_WEATHER = {
    "clear": ("under a clear sky", ""),
    "cloudy": ("under a cloudy sky", "with heavy clouds overhead"),
    "misty": ("in the mist", "in morning fog"),
    "rainy": ("in the rain", "on a rainy day"),
    "windy": ("on a windy day", "in a fresh wind"),
    "snowing": ("as snow falls", "in a snowfall"),
}
_TEMPLATES = (
    "{thing} {setting} {when}",
    "{thing} {setting}",
    "{when}, {thing} {setting}",
    "{thing} {when}",
    "{thing} {when} {weather}",
    "{thing} {setting} {weather}",
    "a photograph of {thing} {setting}",
    "view of {thing} {setting} {when} {weather}",
    "here we see {thing}, {setting}, {when}",
    "{thing}, {when}, near {place}",
    "{weather}, {thing} {setting}",
    "{place}: {thing} {when}",
)
_HOURS = {"dawn": (5, 8), "noon": (10, 16), "dusk": (18, 21), "night": (21, 24)}
_WINTRY = {"snowy-forest", "aurora"}


@dataclass(frozen=True)
class Words:
    """The text of one picture; all of it empty for a picture that has none."""

    title: str = ""
    caption: str = ""
    keywords: tuple[str, ...] = ()
    location: str = ""
    story: str = ""
    taken_at: datetime | None = None


def choose(rng: np.random.Generator, phrases: str | tuple[str, ...]) -> str:
    """Return one of several phrases (a tuple, or text with a bar between them)."""
    options = tuple(phrases.split("|")) if isinstance(phrases, str) else phrases
    return options[int(rng.integers(len(options)))]


def caption_for(kind: str, look: Look, rng: np.random.Generator, place: str) -> str:
    """Return a caption in one of many forms, which tells some of what `look` shows."""
    words = VOCABULARY[kind]
    indoors = KINDS[kind].indoors
    things = words.things if rng.random() < 0.75 else words.plain
    thing = fill(choose(rng, things), look)
    when = choose(rng, (_WHEN_INDOORS if indoors else _WHEN)[look.light])
    weather = "" if indoors or kind == "coral-reef" else choose(rng, _WEATHER[look.weather])
    text = choose(rng, _TEMPLATES).format(
        thing=thing,
        setting=choose(rng, words.settings),
        when=when,
        weather=weather,
        place=place.split(",", maxsplit=1)[0],
    )
    text = " ".join(text.split()).strip(" ,").replace(" ,", ",")
    return text[0].upper() + text[1:] + ("." if rng.random() < 0.5 else "")


def fill(phrase: str, look: Look) -> str:
    """Return `phrase` with the colours and the season of `look` put in, and the article that then fits."""
    text = phrase.format(colour=look.colour, accent=look.accent, season=look.season)
    return text.replace("a orange", "an orange").replace("a autumn", "an autumn").replace("an red", "a red")


def keywords_for(kind: str, look: Look, rng: np.random.Generator) -> tuple[str, ...]:
    """Return three to eight distinct keywords, some of them about colour, light and weather."""
    words = VOCABULARY[kind]
    tags = words.tags.split("|")
    chosen = [tags[0], *(tags[1 + place] for place in rng.permutation(len(tags) - 1)[: int(rng.integers(2, 5))])]
    extra = [look.colour] if "{colour}" in words.things else []
    extra += (
        []
        if KINDS[kind].indoors
        else [{"dawn": "sunrise", "noon": "daylight", "dusk": "sunset", "night": "night"}[look.light]]
    )
    extra += [look.weather] if look.weather in ("misty", "rainy", "windy") else []
    extra += [look.season] if look.season else []
    return tuple(dict.fromkeys([*chosen, *(tag for tag in extra if rng.random() < 0.6)]))


def describe(kind: str, look: Look, rng: np.random.Generator) -> Words:
    """Return the words for a picture of `kind` that shows `look`; every other field follows from `rng`."""
    words = VOCABULARY[kind]
    place = choose(rng, words.places)
    stories = words.stories.split("|")
    story = ""
    if rng.random() < 0.4:
        order = rng.permutation(len(stories))[: int(rng.integers(2, 4))]
        story = " ".join(stories[part] for part in order)
    title = choose(rng, words.titles)
    if rng.random() < 0.35:
        thing = fill(choose(rng, words.things), look)
        title = thing[0].upper() + thing[1:]
    return Words(
        title, caption_for(kind, look, rng, place), keywords_for(kind, look, rng), place, story, _taken(kind, look, rng)
    )


def _taken(kind: str, look: Look, rng: np.random.Generator) -> datetime | None:
    """Return a moment that fits light and season, in UTC; one picture in ten has lost its date."""
    if rng.random() < 0.1:
        return None
    first, last = _HOURS[look.light]
    months = {"spring": (4, 5), "summer": (6, 7, 8), "autumn": (9, 10), "winter": (1, 2)}.get(
        look.season, (4, 5, 6, 7, 8, 9, 10)
    )
    if kind in _WINTRY:
        months = (1, 2, 12)
    day = datetime(
        int(rng.integers(2018, 2026)), int(months[int(rng.integers(len(months)))]), int(rng.integers(1, 29)), tzinfo=UTC
    )
    return day + timedelta(seconds=int(3600 * rng.uniform(first, last)))
