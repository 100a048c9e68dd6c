"""Places in the pages of the review queue and of near-duplicates."""

from uuid import UUID

from backend.api.cursors import read_cursor
from backend.errors import InputError


def read_review_place(cursor: str) -> tuple[float, str]:
    """Urgency and subject of the last item. Raises InputError."""
    urgency, subject = read_cursor(cursor, 2)
    if not isinstance(urgency, float | int) or not isinstance(subject, str):
        raise unreadable_cursor()
    return float(urgency), subject


def read_keeper(cursor: str) -> UUID:
    """The keeper of the last group. Raises InputError."""
    (keeper,) = read_cursor(cursor, 1)
    try:
        return UUID(keeper)
    except (TypeError, ValueError, AttributeError):
        raise unreadable_cursor() from None


def unreadable_cursor() -> InputError:
    return InputError("This cursor cannot be read.", hint="Take `next_cursor` of the page before.")
