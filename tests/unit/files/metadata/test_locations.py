"""Coordinates from beside a picture, put under the names of its `exif`."""

from backend.files.metadata import JSON, with_place


def test_with_place__never_mixes_the_coordinates_of_two_sources() -> None:
    place: dict[str, JSON] = {"latitude_degrees": 1.0, "longitude_degrees": 2.0}
    assert with_place({"make": "Fuji"}, place) == {"make": "Fuji", **place}
    own: dict[str, JSON] = {"make": "Fuji", "latitude_degrees": 3.0, "longitude_degrees": 4.0}
    assert with_place(own, place | {"altitude_meters": 5.0}) == own
    assert with_place(own, {}) == own
