"""The choice of a picture's moment: by precision and standing, not by the container that a candidate comes from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from itertools import chain
from typing import Final

from backend.moments import DateCandidate, Precision, Standing, in_zone

_YEARS: Final = range(1000, 9999)
# What a camera, a program or a file system writes while it has no date: the zeros of QuickTime, Unix, Windows, spreadsheets,
# FAT, and of ZIP archives.
_ZEROS: Final = frozenset(
    f"{date}T00:00:00"
    for date in ("1904-01-01", "1970-01-01", "1601-01-01", "1899-12-30", "1980-01-01", "1979-11-30", "1899-11-30")
)
# Clocks of cameras run ahead, and zones reach 14 hours into tomorrow.
_FUTURE: Final = timedelta(hours=26)
# Offsets to UTC that zones have, in minutes: whole hours, and those of Newfoundland, Iran, India, Nepal, ...
_ZONES: Final = frozenset(
    chain(range(-12 * 60, 14 * 60 + 1, 60), (-570, -210, 210, 270, 330, 345, 390, 525, 570, 630, 765))
)
# A position may have been measured this long before or after the shutter.
_SATELLITE_SLACK: Final = timedelta(minutes=3)
_WEST, _EAST = timedelta(hours=-12), timedelta(hours=14)
# What tells when the picture was taken, and so may tell a coarser candidate more exactly.
_OF_THE_PICTURE: Final = (Standing.ORIGINAL, Standing.DIGITIZED, Standing.SATELLITE)
_UNITS: Final = ("year", "month", "day", "minute", "second", "microsecond")


@dataclass(frozen=True, slots=True)
class ChosenDate:
    """The moment of a picture.

    Attributes:
        taken_at: the moment in UTC: the begin of what `precision` names.
        precision: the smallest unit that is known.
        source: the field that it was read from, such as 'exif:DateTimeOriginal'.
    """

    taken_at: datetime
    precision: Precision
    source: str


def choose_date(candidates: Iterable[DateCandidate], zone: tzinfo, now: datetime) -> ChosenDate | None:
    """Choose the moment of a picture; None if no candidate is plausible.

    What a person gave wins. Otherwise the best standing does, and among equals a time of day before a date, a moment with
    a zone before one without, and the more precise one. Candidates that agree with the winner complete it: smaller units,
    sub-seconds, the zone of an equal clock, and a zone by which a satellite's UTC fits. `zone` is that of clocks which
    still have none then. Zeros of unset clocks and moments after `now` are ignored, unless a person gave them.
    """
    plausible = [one for one in candidates if _is_plausible(one, zone, now)]
    if not plausible:
        return None
    # `max` and `sorted` keep the order of equals, so the caller's order decides among them.
    lead = max(plausible, key=_rank)
    if lead.standing is not Standing.GIVEN:
        helpers = sorted((one for one in plausible if one.standing in _OF_THE_PICTURE), key=_rank, reverse=True)
        if lead.standing in _OF_THE_PICTURE:
            lead = _complete(lead, helpers)
    return ChosenDate(in_zone(lead.moment, lead.precision, zone).astimezone(UTC), lead.precision, lead.source)


def _rank(one: DateCandidate) -> tuple[int, bool, bool, int]:
    # Sub-seconds do not make a moment truer; they are taken from any that agrees.
    return one.standing, one.precision.has_clock, _is_zoned(one), min(one.precision, Precision.SECOND)


def _is_zoned(one: DateCandidate) -> bool:
    return one.precision.has_clock and one.moment.tzinfo is not None


def _is_plausible(one: DateCandidate, zone: tzinfo, now: datetime) -> bool:
    if one.moment.year not in _YEARS:
        return False
    moment = in_zone(one.moment, one.precision, zone).astimezone(UTC)
    if moment.year not in _YEARS:
        return False
    if one.standing is Standing.GIVEN:
        return True
    # A date without a clock was written by somebody; a clock at a zero was not.
    clocks = {at.replace(tzinfo=None).isoformat() for at in (one.moment, moment)}
    is_zero = one.precision.has_clock and not clocks.isdisjoint(_ZEROS)
    return not is_zero and moment <= now + _FUTURE


def _complete(lead: DateCandidate, helpers: Sequence[DateCandidate]) -> DateCandidate:
    """Take from those that agree with `lead` what they know better."""
    lead = _refine(lead, [_zoned_like(one, lead) for one in helpers])
    if lead.precision.has_clock and lead.moment.tzinfo is None:
        found = next((offset for one in helpers if (offset := _zone_from(lead, one)) is not None), None)
        if found is not None:
            # Now that it has a zone, moments in UTC can be compared with it.
            lead = _refine(replace(lead, moment=lead.moment.replace(tzinfo=found)), helpers)
    return lead


def _zoned_like(one: DateCandidate, lead: DateCandidate) -> DateCandidate:
    """A clock with the zone by which it is the moment of `lead`, if there is one."""
    if _is_zoned(one) or not one.precision.has_clock:
        return one
    zone = _zone_from(one, lead)
    return one if zone is None else replace(one, moment=one.moment.replace(tzinfo=zone))


def _refine(lead: DateCandidate, helpers: Sequence[DateCandidate]) -> DateCandidate:
    for one in helpers:
        # A satellite tells the day and the zone of a picture, not the instant of the shutter.
        is_finer = one.precision > lead.precision and not (
            one.standing is Standing.SATELLITE and lead.precision.has_clock
        )
        if is_finer and _agree(lead, one):
            lead = _refined(lead, one)
    return lead


def _refined(coarse: DateCandidate, fine: DateCandidate) -> DateCandidate:
    """The finer clock, in the zone of the coarser one where that has a zone."""
    if not _is_zoned(coarse):
        return replace(fine, standing=coarse.standing)
    moment = fine.moment.replace(tzinfo=coarse.moment.tzinfo) if fine.moment.tzinfo is None else fine.moment
    return replace(coarse, moment=moment.astimezone(coarse.moment.tzinfo), precision=fine.precision)


def _agree(coarse: DateCandidate, fine: DateCandidate) -> bool:
    """Whether `fine` lies within what `coarse` names."""
    if _is_zoned(coarse) and fine.moment.tzinfo is not None:
        return _cut(fine.moment.astimezone(coarse.moment.tzinfo), coarse.precision) == _cut(
            coarse.moment, coarse.precision
        )
    if not coarse.precision.has_clock and fine.moment.tzinfo is not None and not fine.moment.utcoffset():
        # A moment in UTC may have been the day before or after on the clocks of the place.
        here = fine.moment.replace(tzinfo=None)
        cuts = [_cut(here + shift, coarse.precision) for shift in (_WEST, timedelta(), _EAST)]
        return _cut(coarse.moment, coarse.precision) in cuts
    return _cut(fine.moment, coarse.precision) == _cut(coarse.moment, coarse.precision)


def _cut(moment: datetime, precision: Precision) -> tuple[int, ...]:
    """The units that a precision names. Minutes come with the hour."""
    units = (*(getattr(moment, unit) for unit in _UNITS[:3]), moment.hour * 60 + moment.minute)
    return (*units, moment.second, moment.microsecond)[:precision]


def _zone_from(lead: DateCandidate, one: DateCandidate) -> tzinfo | None:
    """The zone of the clock `lead`, if `one` tells it: an equal clock with a zone, or the same moment in UTC."""
    if not _is_zoned(one):
        return None
    common = min(lead.precision, one.precision)
    if _cut(lead.moment, common) == _cut(one.moment, common):
        return one.moment.tzinfo
    if one.standing is Standing.DIGITIZED or one.moment.utcoffset():
        return None
    ahead = lead.moment - one.moment.replace(tzinfo=None)
    minutes = min(_ZONES, key=lambda offset: abs(ahead - timedelta(minutes=offset)))
    slack = _SATELLITE_SLACK if one.standing is Standing.SATELLITE else _unit(common)
    if abs(ahead - timedelta(minutes=minutes)) < slack:
        return timezone(timedelta(minutes=minutes))
    return None


def _unit(precision: Precision) -> timedelta:
    return timedelta(minutes=1) if precision is Precision.MINUTE else timedelta(seconds=1)
