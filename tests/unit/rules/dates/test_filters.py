"""Dates in filters: what they begin and end with, and what is refused."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import InvalidQuery
from backend.rules.dates import read_begin, read_end


@pytest.mark.parametrize(
    ("written", "begin", "end"),
    [
        ("2015", "2015-01-01T00:00:00Z", "2015-12-31T23:59:59.999999Z"),
        ("2016-02", "2016-02-01T00:00:00Z", "2016-02-29T23:59:59.999999Z"),
        ("2015-06-06", "2015-06-06T00:00:00Z", "2015-06-06T23:59:59.999999Z"),
        ("20150606", "2015-06-06T00:00:00Z", "2015-06-06T23:59:59.999999Z"),
        (" 2015-06-06T12:30 ", "2015-06-06T12:30:00Z", "2015-06-06T12:30:59.999999Z"),
        ("2015-06-06 12:30:15", "2015-06-06T12:30:15Z", "2015-06-06T12:30:15.999999Z"),
        ("20150606T123015Z", "2015-06-06T12:30:15Z", "2015-06-06T12:30:15.999999Z"),
        ("2015-06-06t12:30:15.25z", "2015-06-06T12:30:15.250Z", "2015-06-06T12:30:15.250Z"),
        ("2015-06-06T00:30+02:00", "2015-06-05T22:30:00Z", "2015-06-05T22:30:59.999999Z"),
        ("0001", "0001-01-01T00:00:00Z", "0001-12-31T23:59:59.999999Z"),
        ("9999", "9999-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_read__begin_and_end(written: str, begin: str, end: str) -> None:
    assert read_begin(written, "taken_from") == datetime.fromisoformat(begin)
    assert read_end(written, "taken_until") == datetime.fromisoformat(end)


@pytest.mark.parametrize("written", ["", "  ", None])
def test_read__nothing(written: str | None) -> None:
    assert read_begin(written, "taken_from") is None
    assert read_end(written, "taken_until") is None


@pytest.mark.parametrize(
    "written",
    [
        "yesterday", "0", "-5", "15", "20150", "201506", "1433548800", "1433548800.5", "2015-13", "2015-00", "2015-02-30",
        "20150230", "2015-0606", "201506-06", "0000", "2015-06-06T", "2015-06-06T12", "2015-06-06T24:30", "2015-06-06T12:60",
        "2015-06T12:30", "2015-06-06T12:30+25:00", "0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00",
        "2015-06-06T12:30:00 02:00", "\u0662\u0660\u0661\u0665", "2015-W23",
    ],
)  # fmt: skip
def test_read__refused_with_the_field(written: str) -> None:
    for read, field in ((read_begin, "taken_from"), (read_end, "taken_until")):
        with pytest.raises(InvalidQuery) as caught:
            read(written, field)
        assert caught.value.context["field"] == field


@given(
    st.datetimes(timezones=st.just(UTC)).filter(lambda moment: 2 <= moment.year <= 9998),
    st.none() | st.integers(-14 * 60, 14 * 60),
)
def test_read__moments_survive(moment: datetime, minutes_east: int | None) -> None:
    zone = UTC if minutes_east is None else timezone(timedelta(minutes=minutes_east))
    written = moment.astimezone(zone).isoformat()
    assert read_begin(written if minutes_east is not None else written.removesuffix("+00:00"), "taken_from") == moment
