"""Cursors of the review queue, of near-duplicates and of judgements."""

from datetime import datetime
from uuid import UUID

from backend.store.review import JudgementKey, QueryKind
from backend.web.api.cursors import read_cursor


def read_review_key(cursor: str) -> tuple[float, str]:
    """Urgency and subject of the last item. Raises InputError for an invalid cursor."""
    urgency, subject = read_cursor(cursor, float, str)
    return urgency, subject


def read_keeper(cursor: str) -> UUID:
    """The picture to keep of the last group. Raises InputError for an invalid cursor."""
    (keeper,) = read_cursor(cursor, UUID)
    return UUID(str(keeper))


def read_judgement_key(cursor: str) -> JudgementKey:
    """The sort key of the last judgement. Raises InputError for an invalid cursor."""
    moment, kind, query, media_id = read_cursor(cursor, datetime, QueryKind, str, UUID)
    return moment, kind.value, query, media_id
