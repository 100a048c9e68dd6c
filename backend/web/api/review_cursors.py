"""Places in the pages of the review queue and of near-duplicates."""

from uuid import UUID

from backend.web.api.cursors import read_cursor


def read_review_place(cursor: str) -> tuple[float, str]:
    """Urgency and subject of the last item. Raises InputError."""
    urgency, subject = read_cursor(cursor, float, str)
    return urgency, subject


def read_keeper(cursor: str) -> UUID:
    """The keeper of the last group. Raises InputError."""
    (keeper,) = read_cursor(cursor, UUID)
    return UUID(str(keeper))
