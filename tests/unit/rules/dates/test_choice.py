"""Which moment wins: examples of what files really say, and laws that hold for any."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.moments import DateCandidate, Precision, Standing, in_zone, zone_of
from backend.rules.dates import ChosenDate, choose_date

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY, MINUTE, SECOND, SUBSECOND = Precision.DAY, Precision.MINUTE, Precision.SECOND, Precision.SUBSECOND
MODIFIED, SATELLITE, DIGITIZED, ORIGINAL, GIVEN = list(Standing)[1:]


def said(moment: str, standing: Standing = ORIGINAL, precision: Precision = SECOND, source: str = "") -> DateCandidate:
    return DateCandidate(datetime.fromisoformat(moment), precision, standing, source or f"{standing.name} {moment}")


def choose(*candidates: DateCandidate, zone: str = "UTC") -> str | None:
    chosen = choose_date(candidates, zone_of(zone), NOW)
    return None if chosen is None else chosen.taken_at.isoformat()


@pytest.mark.parametrize(
    ("candidates", "taken_at"),
    [
        pytest.param((), None, id="nothing is said"),
        pytest.param(
            (said("2024-05-01", precision=DAY), said("2024-05-01T18:45:10+02:00")), "2024-05-01T16:45:10+00:00", id="F02"
        ),
        pytest.param((said("2024-05-01T12:30"), said("2024-05-01T12:30+02:00")), "2024-05-01T10:30:00+00:00", id="F03"),
        pytest.param(
            (said("2023-11-11T11:11:11", MODIFIED), said("1998-07-04T10:00", DIGITIZED)),
            "1998-07-04T10:00:00+00:00",
            id="F04: digitized before modified",
        ),
        pytest.param(
            (said("2010-02-02T10:00", DIGITIZED), said("1965-07-04T10:00")),
            "1965-07-04T10:00:00+00:00",
            id="a scan: original before digitized",
        ),
        pytest.param(
            (said("1965-01-01", precision=Precision.YEAR), said("2010-02-02T10:00:00+01:00", DIGITIZED)),
            "1965-01-01T00:00:00+00:00",
            id="a year before the moment of the scan",
        ),
        pytest.param(
            (said("2024-05-01", precision=DAY), said("2024-05-01T18:45:10+02:00", DIGITIZED)),
            "2024-05-01T16:45:10+00:00",
            id="the digitized moment tells the time of the original day",
        ),
        pytest.param(
            (said("2024-05-01", precision=DAY), said("2024-05-01T23:00", MODIFIED)),
            "2024-05-01T00:00:00+00:00",
            id="a modification does not tell the time of the original day",
        ),
        pytest.param(
            (said("2024-05-01", precision=DAY), said("2024-04-30T23:30:00+00:00", SATELLITE)),
            "2024-04-30T23:30:00+00:00",
            id="midnight of the place was the day before in UTC",
        ),
        pytest.param(
            (said("2024-05-01T12:30:00+02:00"), said("2024-05-01T12:30:00.450", precision=SUBSECOND)),
            "2024-05-01T10:30:00.450000+00:00",
            id="sub-seconds of an equal clock",
        ),
        pytest.param(
            (said("2024-05-01T12:30:00+02:00"), said("2024-05-01T12:30:01.450", precision=SUBSECOND)),
            "2024-05-01T10:30:00+00:00",
            id="no sub-seconds of another clock",
        ),
        pytest.param(
            (said("2024-05-01T12:30:00"), said("2024-05-01T12:30:00.5+02:00", DIGITIZED, SUBSECOND)),
            "2024-05-01T10:30:00.500000+00:00",
            id="zone of an equal digitized moment",
        ),
        pytest.param(
            (said("2024-05-01T12:30:45"), said("2024-05-01T10:29:12+00:00", SATELLITE)),
            "2024-05-01T10:30:45+00:00",
            id="zone by satellite",
        ),
        pytest.param(
            (said("2024-05-01T16:15:00"), said("2024-05-01T10:30:10+00:00", SATELLITE)),
            "2024-05-01T10:30:00+00:00",
            id="zone of Nepal by satellite",
        ),
        pytest.param(
            (said("2024-05-01T12:30:45"), said("2024-05-01T10:21:00+00:00", SATELLITE)),
            "2024-05-01T12:30:45+00:00",
            id="a satellite that was lost tells no zone",
        ),
        pytest.param(
            (said("2024-05-01T12:30:45"), said("2024-04-20T10:30:00+00:00", SATELLITE)),
            "2024-05-01T12:30:45+00:00",
            id="a satellite of days ago tells no zone",
        ),
        pytest.param(
            (said("2024-05-01T12:30:45", MODIFIED), said("2024-05-01T10:30:44+00:00", SATELLITE)),
            "2024-05-01T10:30:44+00:00",
            id="satellite before modified",
        ),
        pytest.param(
            (said("2024-05-01T12:30:45.25", precision=SUBSECOND), said("2024-05-01T10:30:45+00:00")),
            "2024-05-01T10:30:45.250000+00:00",
            id="sub-seconds of a clock and the same moment in UTC, as Takeout writes it",
        ),
        pytest.param(
            (said("2024-05-01T12:31:45.25", precision=SUBSECOND), said("2024-05-01T10:30:45+00:00")),
            "2024-05-01T10:30:45+00:00",
            id="no sub-seconds of a clock that no zone leads to",
        ),
        pytest.param(
            (said("2001-02-03", GIVEN, DAY), said("2024-05-01T12:30:45+02:00")),
            "2001-02-03T00:00:00+00:00",
            id="what a person gave wins",
        ),
        pytest.param(
            (said("2019-05-04", Standing.GUESSED, DAY), said("2023-01-01T10:00", MODIFIED)),
            "2023-01-01T10:00:00+00:00",
            id="a guess is last",
        ),
        pytest.param((said("2019-05-04", Standing.GUESSED, DAY),), "2019-05-04T00:00:00+00:00", id="better than nothing"),
        pytest.param((said("1904-01-01"), said("2004-01-01", MODIFIED)), "2004-01-01T00:00:00+00:00", id="1904"),
        pytest.param((said("1970-01-01T00:00:00+00:00"),), None, id="1970"),
        pytest.param((said("1970-01-01T01:00:00+01:00"),), None, id="1970 in a zone"),
        pytest.param((said("1980-01-01"),), None, id="1980"),
        pytest.param((said("1970-01-01", precision=DAY),), "1970-01-01T00:00:00+00:00", id="a person wrote 1970-01-01"),
        pytest.param((said("1970-01-01", GIVEN),), "1970-01-01T00:00:00+00:00", id="a person gave 1970"),
        pytest.param((said("2026-01-03"), said("2020-01-01", MODIFIED)), "2020-01-01T00:00:00+00:00", id="future"),
        pytest.param((said("2026-01-02T01:00:00"),), "2026-01-02T01:00:00+00:00", id="tomorrow is today somewhere"),
        pytest.param((said("1887-06-01T10:00"),), "1887-06-01T10:00:00+00:00", id="before 1900"),
        pytest.param((said("0001-01-01"),), None, id="the year 1"),
        pytest.param((said("9999-12-31T23:59:59-12:00", GIVEN),), None, id="beyond the calendar"),
    ],
)  # fmt: skip
def test_choose_date__examples(candidates: tuple[DateCandidate, ...], taken_at: str | None) -> None:
    assert choose(*candidates) == taken_at
    assert choose(*reversed(candidates)) == taken_at


def test_choose_date__a_clock_without_zone_is_read_in_the_zone_of_the_setting() -> None:
    assert choose(said("2024-05-01T12:30"), zone="Europe/Paris") == "2024-05-01T10:30:00+00:00"
    assert choose(said("2024-12-01T12:30"), zone="Europe/Paris") == "2024-12-01T11:30:00+00:00"
    assert choose(said("2024-12-01T12:30"), zone="-03:30") == "2024-12-01T16:00:00+00:00"
    # A date is not a clock: it stays that date, and is not the evening before.
    assert choose(said("2024-12-01", precision=DAY), zone="Europe/Paris") == "2024-12-01T00:00:00+00:00"


def test_choose_date__says_where_it_comes_from_and_how_precise_it_is() -> None:
    day = said("2024-05-01", precision=DAY, source="iptc:DateCreated")
    moment = said("2024-05-01T18:45:10+02:00", DIGITIZED, source="exif:DateTimeDigitized")

    assert choose_date([day], UTC, NOW) == ChosenDate(datetime(2024, 5, 1, tzinfo=UTC), DAY, "iptc:DateCreated")
    assert choose_date([day, moment], UTC, NOW) == ChosenDate(
        datetime(2024, 5, 1, 16, 45, 10, tzinfo=UTC), SECOND, "exif:DateTimeDigitized"
    )


def test_choose_date__sub_seconds_do_not_make_a_moment_truer() -> None:
    corrected, camera = said("2024-05-01T12:30:00"), said("2023-05-01T12:30:00.25", precision=SUBSECOND)

    assert choose(corrected, camera) == "2024-05-01T12:30:00+00:00"
    assert choose(camera, corrected) == "2023-05-01T12:30:00.250000+00:00"


def test_choose_date__the_first_of_equals_is_the_source() -> None:
    found = choose_date([said("2024-05-01", source="first"), said("2024-05-01", source="second")], UTC, NOW)

    assert found is not None
    assert found.source == "first"


ZONES = st.sampled_from([None, UTC, timezone(timedelta(hours=2)), timezone(timedelta(hours=-9, minutes=-30))])
SINCE_1850 = st.integers(0, 5_500_000_000_000).map(
    lambda ms: datetime(1850, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
)
CANDIDATES = st.lists(
    st.builds(
        lambda moment, zone, precision, standing: DateCandidate(
            moment.replace(tzinfo=zone), precision, standing, standing.name
        ),
        SINCE_1850,
        ZONES,
        st.sampled_from(Precision),
        st.sampled_from(Standing),
    ),
    min_size=1,
    max_size=5,
)


@given(CANDIDATES)
def test_choose_date__laws(candidates: list[DateCandidate]) -> None:
    zone = ZoneInfo("Asia/Kolkata")
    chosen = choose_date(candidates, zone, NOW)

    assert chosen is not None
    assert chosen.taken_at.utcoffset() == timedelta()
    best = max(one.standing for one in candidates)
    winners = [one for one in candidates if one.standing is best]
    # Nothing is less precise than a winner, and it lies within a day of one (zones), or within its year or month.
    assert chosen.precision >= min(one.precision for one in winners)
    leeway = {one: timedelta(days=366 if one.precision < DAY else 1) for one in winners}
    assert any(abs(chosen.taken_at - in_zone(one.moment, one.precision, UTC)) <= leeway[one] * 2 for one in winners)
    # A guess changes nothing where something is known.
    if best > Standing.GUESSED:
        guess = said("1999-09-09T09:09:09.9", Standing.GUESSED, SUBSECOND)
        assert choose_date([guess, *candidates], zone, NOW) == chosen


@pytest.mark.parametrize("name", ["nowhere", "Europe/Nowhere", "+25:00", "../etc/passwd", "", "/etc/localtime"])
def test_zone_of__no_zone(name: str) -> None:
    with pytest.raises(ValueError, match="not a time zone"):
        zone_of(name)


@pytest.mark.parametrize(
    ("name", "minutes"),
    [("UTC", 0), ("Z", 0), ("+02:00", 120), ("-0930", -570), ("+2", 120), ("GMT+5:30", 330), ("Asia/Kolkata", 330)],
)
def test_zone_of__names_and_offsets(name: str, minutes: int) -> None:
    assert datetime(2024, 5, 1, tzinfo=zone_of(name)).utcoffset() == timedelta(minutes=minutes)


def test_candidates__travel_as_json() -> None:
    for one in (said("2024-05-01T12:30:00.45+02:00", precision=SUBSECOND), said("1887-06-01", DIGITIZED, DAY)):
        assert DateCandidate.from_json(one.to_json()) == one
