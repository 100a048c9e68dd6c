import pytest

from backend.files.text import read_position


@pytest.mark.parametrize(
    "words",
    [
        "47.37, 8.54", "47.37,8.54", "47.37 8.54", "47.37; 8.54", "47.37/8.54", "(47.37, 8.54)", "47.37°, 8.54°",
        "47,37; 8,54", "47,37 8,54", "47,37, 8,54", "47.37N 8.54E", "N47.37E8.54", "8.54E, 47.37N", "47.37° N, 8.54° E",
        "N47 22.2 E8 32.4", "N 47° 22.2' E 8° 32.4'", "47°22'12\"N 8°32'24\"E", "47°22\u203212\u2033 N, 8°32\u203224\u2033 E",
        "47 deg 22' 12.00\" N, 8 deg 32' 24.00\" E", "47,22.2N 8,32.4E", "47° 22' 12\" North, 8° 32' 24\" East",
        "lat: 47.37, lon: 8.54", "Latitude 47.37 Longitude 8.54", "lon=8.54, lat=47.37", "GPS: 47.37, 8.54",
        "geo:47.37,8.54", "geo:47.37,8.54,408;u=30", "+47.3700+008.5400/", "+47.37+008.54+408/", "47.37, 8.54, 408 m",
    ],
)  # fmt: skip
def test_read_position__in_the_forms_that_people_and_programs_write(words: str) -> None:
    assert read_position(words) == (47.37, 8.54)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("\u221233.86, 151.2", (-33.86, 151.2)), ("S33 51 36 E151 12 0", (-33.86, 151.2)), ("120.5, 30.2", (30.2, 120.5)),
        ("8FVC9GCR+", (47.37125, 8.54125)), ("8fvc9gcr+2x", (47.3700625, 8.5424375)), ("47, 8", (47.0, 8.0)),
        ("0, 0", (0.0, 0.0)),
    ],
)  # fmt: skip
def test_read_position__signs_order_and_codes(words: str, expected: tuple[float, float]) -> None:
    assert read_position(words) == expected


@pytest.mark.parametrize(
    "words",
    [
        "", "Zurich", "Room 12, 4", "100, 200", "12 34", "4/5", "1984", "Studio 54", "5, Main Street", "10.10.2010",
        "10.10, 2010", "8FVC9G8F", "12:30", "47.37, 8.54 Zurich", "Area 51", "Route 66 N, 5 E", "9G8F+6X", "1.5",
        ", ".join(["1.5"] * 100), "N" * 10_000,
    ],
)  # fmt: skip
def test_read_position__words_stay_words(words: str) -> None:
    assert read_position(words) is None
