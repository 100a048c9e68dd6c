"""Coordinates beside a picture, or in its words, under the names that they have in `exif`, which only admins see."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from backend.files.metadata.json_values import JSON
from backend.files.metadata.places import PLACE_NAMES
from backend.files.text import MediaText, read_position

_MAX_ALTITUDE_METERS: Final = 100_000.0


def place_of(latitude: Any, longitude: Any, altitude: Any = None) -> dict[str, JSON]:
    """Coordinates as in `exif`; empty if they are not on Earth, or zeros, which programs write for unknown places."""
    north, east = _number(latitude, 90.0), _number(longitude, 180.0)
    if north is None or east is None or north == east == 0.0:
        return {}
    found = zip(PLACE_NAMES, (north, east, _number(altitude, _MAX_ALTITUDE_METERS) or None), strict=True)
    return {name: value for name, value in found if value is not None}


def hide_coordinates(text: MediaText, place: Mapping[str, JSON]) -> tuple[MediaText, dict[str, JSON]]:
    """Move a location that consists only of coordinates to the place, which only admins see, unless a place is given.

    Every way in calls it, since everybody sees the location.
    """
    position = read_position(text.location)
    if position is None:
        return text, dict(place)
    return replace(text, location=""), dict(place) or place_of(*position)


def with_place(exif: Mapping[str, JSON], place: Mapping[str, JSON]) -> dict[str, JSON]:
    """The `exif` of a picture with a place from elsewhere, unless it has any of its own: coordinates of two sources are not mixed."""
    return {**exif, **place} if exif.keys().isdisjoint(place) else dict(exif)


def _number(value: Any, bound: float) -> float | None:
    """The number, or None if it is out of bounds. NaN and infinity, which Python's JSON accepts, are out of bounds."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -bound <= value <= bound:
        return None
    return round(float(value), 7)
