"""The texts that pictures are trained with, and the queries that they are measured by and never trained with."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from backend.demo.gallery.kinds import KINDS
from backend.demo.gallery.look import Look
from backend.demo.gallery.paint import COLOURS
from backend.demo.gallery.vocabulary import QUERIES, VOCABULARY
from backend.demo.gallery.words import caption_for, choose, describe, fill

OTHER_QUERIES: Mapping[str, str] = MappingProxyType(
    {
        "lighthouse": "light tower warning ships on the coast",
        "mountain-lake": "calm alpine water with snowy peaks",
        "city-skyline": "skyscraper windows glowing after dark",
        "sunflower-field": "big yellow flowers on a farm",
        "sailing-boat": "yacht with its sail up at sea",
        "hot-air-balloons": "balloons floating over a valley",
        "snowy-forest": "fir trees in winter snow",
        "desert-dunes": "sand hills in the sahara",
        "tulip-garden": "spring flower beds with tulips",
        "stone-bridge": "old arches crossing the stream",
        "windmill": "mill with turning sails on a meadow",
        "coffee-cup": "hot cappuccino in a mug",
        "fruit-bowl": "apples and oranges in a dish",
        "bicycle": "bike parked in the street",
        "castle": "medieval fortress with towers",
        "camp-fire": "tent and flames in the woods",
        "coral-reef": "tropical fish under water",
        "train": "railway carriages travelling through the country",
        "harbour-houses": "painted houses along the quay",
        "chessboard": "kings and pawns in a game",
        "aurora": "polar lights over the arctic",
        "waterfall": "cascade falling down the rocks",
        "vineyard": "grapevines for wine on a slope",
        "beach-umbrella": "parasol and deck chair on the sand",
    }
)
"""A second, differently worded query for each kind."""

_HELD_OUT = {text.lower() for text in (*QUERIES.values(), *OTHER_QUERIES.values())}
_LIGHT_WORDS = {
    "dawn": ("dawn", "sunrise", "morning"),
    "noon": ("noon", "daylight", "midday", "bright day", "by day"),
    "dusk": ("dusk", "sunset", "evening", "sun goes down"),
    "night": ("night", "dark", "moonlight", "lamplight"),
}
_FRAMES = (
    "{}",
    "{}",
    "a photo of {}",
    "picture of {}",
    "an image showing {}",
    "{} picture",
    "photograph with {}",
    "looking for {}",
    "show me {}",
    "{} in a landscape",
)


def text_for(kind: str, look: Look, rng: np.random.Generator) -> str:
    """Return one of many texts that fit a picture: caption, keywords, title and caption, or the wording of a search."""
    while True:
        text = _any_text(kind, look, rng)
        if text.lower().strip(" .") not in _HELD_OUT:
            return text


def _any_text(kind: str, look: Look, rng: np.random.Generator) -> str:
    words = VOCABULARY[kind]
    form = rng.random()
    if form < 0.3:
        place = choose(rng, words.places)
        return caption_for(kind, look, rng, place)
    if form < 0.42:
        told = describe(kind, look, rng)
        return f"{told.title}. {told.caption}" if rng.random() < 0.5 else f"{told.caption} {', '.join(told.keywords)}"
    if form < 0.54:
        keywords = describe(kind, look, rng).keywords
        return choose(rng, (", ", " ")).join(keywords[: int(rng.integers(1, len(keywords) + 1))])
    thing = fill(choose(rng, words.things), look) if rng.random() < 0.6 else choose(rng, words.plain)
    if "{colour}" in words.things and rng.random() < 0.3:
        thing = f"{look.colour} {choose(rng, words.plain).removeprefix('a ').removeprefix('an ')}"
    if rng.random() < 0.3:
        thing = f"{thing} {choose(rng, _LIGHT_WORDS[look.light])}"
    elif rng.random() < 0.3:
        thing = f"{thing} {choose(rng, words.settings)}"
    elif rng.random() < 0.2:
        thing = f"{thing} {choose(rng, words.tags)}"
    return choose(rng, _FRAMES).format(thing)


def tells_colour(text: str, look: Look) -> bool:
    """Return whether `text` names the main colour of `look`."""
    return look.colour in COLOURS and look.colour in text.lower()


def tells_light(text: str, look: Look) -> bool:
    """Return whether `text` names the light of `look`."""
    low = text.lower()
    return any(word in low for word in _LIGHT_WORDS[look.light])


def tokenizer_corpus(seed: int, count: int = 24000) -> list[str]:
    """Return texts to learn a vocabulary from: texts of all kinds under random looks, queries excepted."""
    from backend.demo.gallery.kinds import draw_look

    rng = np.random.default_rng([seed, 77])
    slugs = list(KINDS)
    picks = [slugs[i % len(slugs)] for i in range(count)]
    return [text_for(kind, draw_look(KINDS[kind], rng), rng) for kind in picks] + [GENERAL_ENGLISH] * 40


GENERAL_ENGLISH = (
    "the be to of and a in that have it for not on with he as you do at this but his by from they we say her she or an "
    "will my one all would there their what so up out if about who get which go me when make can like time no just him "
    "know take people into year your good some could them see other than then now look only come its over think also "
    "back after use two how our work first well way even new want because any these give day most us small large big "
    "little long short old young high low near far red blue green yellow black white brown grey pink purple orange dark "
    "light bright sunny warm cold hot cool beautiful quiet calm stormy wild rainy cloudy foggy snowy photo photograph "
    "picture image painting view scene shot landscape portrait background foreground nature water sea ocean river lake "
    "mountain hill valley forest wood tree flower grass field garden park beach sand rock stone snow ice sky cloud sun "
    "moon star night morning evening day spring summer autumn winter house building city town village street road path "
    "bridge tower wall window door roof boat ship car bus train bicycle plane horse dog cat bird fish animal man woman "
    "child boy girl family friend food drink cup table chair book room kitchen fire wind rain storm weather holiday "
    "travel tourist famous ancient modern colourful colorful with without behind front under above between along across "
    "through around during while where many few several three four five walking standing sitting running flying resting"
)
"""Common words, so that the vocabulary has whole tokens and sub-words for more than the captions."""
