"""When a picture was taken, chosen from its text, its metadata and its file name."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import PurePath

from backend.files.folders import standing_of
from backend.files.limits import Limits
from backend.files.text import MediaText, guess_date
from backend.moments import GIVEN_SOURCE, DateCandidate, Precision, zone_of
from backend.rules.dates import choose_date


def settle_date(text: MediaText, found: Iterable[DateCandidate], name: str | None, limits: Limits) -> MediaText:
    """Choose the date of a picture (see `choose_date`) and return the text with it, or without a date if there is none.

    Args:
        text: its own date, if any, stands as its source says: what a person gave above all, a guess that was exported below all.
        found: further candidates.
        name: path or name of the file, from which a date may be guessed.
        limits: `time_zone` applies to dates that name no zone.
    """
    candidates = [*_own(text), *found]
    guess = guess_date(PurePath(name).name) if name else None
    if guess is not None:
        candidates.append(guess)
    chosen = choose_date(candidates, zone_of(limits.time_zone), datetime.now(UTC))
    return text.without_date() if chosen is None else text.with_date(chosen.taken_at, chosen.precision, chosen.source)


def _own(text: MediaText) -> Iterable[DateCandidate]:
    if text.taken_at is None:
        return
    source = text.taken_at_source or GIVEN_SOURCE
    yield DateCandidate(text.taken_at, Precision.of(text.taken_at_precision), standing_of(source), source)
