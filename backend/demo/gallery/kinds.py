"""The kinds of scene: what draws each, how often it occurs, and what may vary in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from backend.demo.gallery.canvas import Canvas
from backend.demo.gallery.look import Look, Mood
from backend.demo.gallery.scenes import (
    chess,
    coast,
    country,
    flowers,
    north,
    rail,
    reef,
    shore,
    still,
    stone,
    town,
    wild,
)

_BRIGHT = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "white", "turquoise")
_DAY = ("dawn", "noon", "noon", "dusk")
_ALL = (*_DAY, "night")
_SKIES = ("clear", "clear", "clear", "cloudy", "misty")


@dataclass(frozen=True)
class Kind:
    """One kind of scene. `share` is its relative frequency; the tuples hold the choices, repeated to be likelier."""

    draw: Callable[[Canvas, Look, Mood], None]
    share: int
    lights: tuple[str, ...] = _DAY
    weathers: tuple[str, ...] = _SKIES
    colours: tuple[str, ...] = _BRIGHT
    seasons: tuple[str, ...] = ("",)
    indoors: bool = False


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "lighthouse": Kind(coast.lighthouse, 20, _ALL, (*_SKIES, "rainy", "windy"), ("red", "blue", "green", "orange")),
        "mountain-lake": Kind(north.mountain_lake, 22, ("dawn", "noon", "dusk")),
        "city-skyline": Kind(
            town.city_skyline,
            18,
            ("dusk", "night", "night"),
            ("clear", "cloudy", "rainy"),
            ("blue", "purple", "pink", "orange", "turquoise"),
        ),
        "sunflower-field": Kind(flowers.sunflower_field, 13, weathers=("clear", "clear", "cloudy", "windy")),
        "sailing-boat": Kind(coast.sailing_boat, 24, weathers=("clear", "clear", "cloudy", "windy")),
        "hot-air-balloons": Kind(country.hot_air_balloons, 16, weathers=("clear", "clear", "cloudy", "misty")),
        "snowy-forest": Kind(
            north.snowy_forest, 14, ("dawn", "noon", "dusk", "night"), ("clear", "cloudy", "snowing", "misty")
        ),
        "desert-dunes": Kind(wild.desert_dunes, 11, weathers=("clear", "clear", "windy")),
        "tulip-garden": Kind(
            flowers.tulip_garden,
            15,
            weathers=("clear", "clear", "cloudy"),
            colours=("red", "yellow", "pink", "purple", "orange", "white"),
        ),
        "stone-bridge": Kind(
            stone.stone_bridge, 9, weathers=(*_SKIES, "rainy"), seasons=("spring", "summer", "autumn", "winter")
        ),
        "windmill": Kind(
            country.windmill,
            10,
            _ALL,
            ("clear", "cloudy", "windy", "rainy"),
            ("red", "blue", "green", "white", "orange"),
        ),
        "coffee-cup": Kind(still.coffee_cup, 17, _ALL, ("clear",), _BRIGHT, indoors=True),
        "fruit-bowl": Kind(
            still.fruit_bowl, 10, _ALL, ("clear",), ("red", "green", "yellow", "orange", "purple"), indoors=True
        ),
        "bicycle": Kind(town.bicycle, 14, _ALL, ("clear",), ("red", "blue", "green", "turquoise", "pink", "orange")),
        "castle": Kind(stone.castle, 12, _ALL, (*_SKIES, "rainy"), ("red", "blue", "green", "orange", "purple")),
        "camp-fire": Kind(
            wild.camp_fire,
            10,
            ("night", "night", "dusk"),
            ("clear",),
            ("orange", "blue", "green", "red", "yellow"),
        ),
        "coral-reef": Kind(reef.coral_reef, 13, _ALL, ("clear",), ("orange", "yellow", "purple", "red", "blue")),
        "train": Kind(
            rail.train,
            11,
            _ALL,
            ("clear", "cloudy", "rainy", "misty"),
            ("red", "blue", "green", "orange", "yellow", "white"),
        ),
        "harbour-houses": Kind(shore.harbour_houses, 16, _ALL, ("clear", "clear", "cloudy")),
        "chessboard": Kind(
            chess.chessboard, 6, _ALL, ("clear",), ("red", "green", "blue", "purple", "orange"), indoors=True
        ),
        "aurora": Kind(
            north.aurora, 9, ("night",), ("clear",), ("green", "green", "turquoise", "purple", "pink", "red")
        ),
        "waterfall": Kind(wild.waterfall, 12, ("dawn", "noon", "noon"), ("clear", "cloudy", "misty")),
        "vineyard": Kind(
            country.vineyard,
            7,
            weathers=("clear", "clear", "cloudy", "misty"),
            seasons=("spring", "summer", "autumn"),
        ),
        "beach-umbrella": Kind(
            shore.beach_umbrella,
            16,
            ("noon", "noon", "dawn", "dusk"),
            ("clear",),
            ("red", "blue", "yellow", "green", "orange", "pink", "turquoise", "purple"),
        ),
    }
)
"""Every kind, by slug."""


def draw_look(kind: Kind, rng: np.random.Generator) -> Look:
    """Return a look that `kind` allows, drawn from `rng`."""

    def one(choices: tuple[str, ...]) -> str:
        return choices[int(rng.integers(len(choices)))]

    colour, light, weather = one(kind.colours), one(kind.lights), one(kind.weathers)
    if light == "night" and weather in ("rainy", "misty"):
        weather = "cloudy"  # there would be nothing left to see
    others = tuple(c for c in _BRIGHT if c != colour)
    return Look(
        light=light,
        weather=weather,
        colour=colour,
        accent=one(others),
        zoom=float(rng.uniform(0.82, 1.2)),
        shift=float(rng.uniform(-1, 1)),
        tilt=float(rng.uniform(-1, 1)),
        season=one(kind.seasons),
    )
