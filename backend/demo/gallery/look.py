"""What varies between two pictures of one kind: light, weather, colour, point of view; and the mood that follows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.demo.gallery.paint import COLOURS, RGB, grey_of, mix, times, vary

Light = tuple[float, float, float]


@dataclass(frozen=True)
class Look:
    """The facts about one picture: what captions may mention (words), and where the camera stands (numbers).

    `zoom` scales the subject (about 0.8 to 1.25); `shift` and `tilt` move it sideways and the horizon up or down, -1 to 1.
    """

    light: str
    weather: str
    colour: str
    accent: str
    zoom: float
    shift: float
    tilt: float
    season: str = ""

    @property
    def rgb(self) -> RGB:
        """The main colour, as 8-bit sRGB in white light."""
        return COLOURS[self.colour]

    @property
    def accent_rgb(self) -> RGB:
        """The second colour, as 8-bit sRGB in white light."""
        return COLOURS[self.accent]


@dataclass(frozen=True)
class Mood:
    """How a light and a weather paint the world: sky from the zenith down, sun, haze of the distance, light on things."""

    zenith: RGB
    middle: RGB
    horizon: RGB
    sun: RGB
    haze: RGB
    ambient: Light
    dark: bool

    def on(self, colour: RGB) -> RGB:
        """Return what `colour` looks like in this light."""
        return times(colour, self.ambient)

    def far(self, colour: RGB, distance: float) -> RGB:
        """Return `colour` in this light seen through `distance` (0 near, 1 lost in the haze)."""
        return mix(self.on(colour), self.haze, distance)


_MOODS: dict[str, Mood] = {
    "dawn": Mood(
        (96, 134, 192), (232, 178, 180), (255, 224, 178), (255, 238, 204), (248, 212, 196), (1.0, 0.9, 0.88), dark=False
    ),
    "noon": Mood(
        (34, 104, 188), (100, 168, 224), (204, 230, 242), (255, 252, 236), (198, 222, 236), (1.0, 1.0, 1.0), dark=False
    ),
    "dusk": Mood(
        (62, 50, 112), (210, 92, 96), (255, 182, 92), (255, 214, 140), (232, 138, 112), (0.86, 0.66, 0.6), dark=False
    ),
    "night": Mood(
        (10, 16, 44), (24, 38, 84), (58, 76, 128), (226, 232, 250), (42, 56, 98), (0.42, 0.48, 0.66), dark=True
    ),
}


def mood_of(look: Look, rng: np.random.Generator) -> Mood:
    """Return the mood of a look, with a little chance in its colours."""
    base = _MOODS[look.light]
    grey = {"cloudy": 0.55, "rainy": 0.75, "misty": 0.45, "snowing": 0.7}.get(look.weather, 0.0)
    dim = {"cloudy": 0.94, "rainy": 0.86, "snowing": 0.95}.get(look.weather, 1.0)

    def tone(colour: RGB) -> RGB:
        flat = mix(colour, mix(grey_of(colour), base.haze, 0.25), grey)
        return vary(times(flat, (dim, dim, dim)), rng, 7)

    ambient = (base.ambient[0] * dim, base.ambient[1] * dim, base.ambient[2] * dim)
    return Mood(tone(base.zenith), tone(base.middle), tone(base.horizon), base.sun, tone(base.haze), ambient, base.dark)
