"""Cursors of search pages. A cursor names the last hit, so that the next page continues after it even if ranks change."""

import base64
import binascii
import json
import uuid
from dataclasses import dataclass

from backend.documents import read_json
from backend.errors import InvalidQuery


@dataclass(frozen=True)
class LastHit:
    """The last hit of a page.

    Its cosines give it a rank even if it has been deleted since.

    Attributes:
        media_id: the picture.
        sim_image: its cosine on the image leg, None if that is missing.
        sim_text: its cosine on the text leg, None if that is missing.
        position: its rank, from 1.
    """

    media_id: uuid.UUID
    sim_image: float | None
    sim_text: float | None
    position: int


def write_last_hit(last: LastHit, digest: str) -> str:
    """Encode an opaque cursor. It is valid only for the query with this digest."""
    content = json.dumps([digest, str(last.media_id), last.sim_image, last.sim_text, last.position])
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def read_last_hit(cursor: str, digest: str) -> LastHit:
    """Decode a cursor. Raises InvalidQuery if it belongs to a different query or was not made by `write_last_hit`."""
    try:
        written, media_id, sim_image, sim_text, position = read_json(
            base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        )
        last = LastHit(uuid.UUID(media_id), _cosine(sim_image), _cosine(sim_text), int(position))
    except (binascii.Error, ValueError, TypeError, AttributeError, OverflowError):
        raise _unreadable("This cursor is not valid.") from None
    if last.position < 1:
        raise _unreadable("This cursor is not valid.")
    if written != digest:
        raise _unreadable("This cursor belongs to a different query.")
    return last


def _cosine(value: object) -> float | None:
    if value is None:
        return None
    if not isinstance(value, int | float) or not -2 <= value <= 2:
        raise ValueError("no cosine")
    return float(value)


def _unreadable(detail: str) -> InvalidQuery:
    return InvalidQuery(detail, hint="Use `next_cursor` from the previous page, with the same query.", field="cursor")
