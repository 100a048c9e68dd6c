"""What is similar to a stored media."""

import uuid
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend.db.embeddings import similar_media
from backend.db.media import get_media
from backend.db.tables import Media, MediaStatus
from backend.errors import Conflict


@dataclass(frozen=True)
class Recommendation:
    """A hit of `similar_media`, with what a card needs."""

    media_id: uuid.UUID
    sim_image: float | None
    sim_text: float | None
    combined: float
    title: str
    location: str
    caption: str


def recommend(session: Session, media_id: uuid.UUID, k: int, alpha: float) -> list[Recommendation]:
    """The k media most similar to one, best first: alpha * sim_image + (1 - alpha) * sim_text.

    Raises:
        NotFound: there is no such media.
        Conflict: it has no embedding yet.
    """
    media = get_media(session, media_id)
    if media.status not in {MediaStatus.READY, MediaStatus.EMBEDDED}:
        raise Conflict(
            f"Media {media_id} has no embedding: its status is {media.status}.",
            hint="Wait until it is ready." if media.error_code is None else "Look at its error, and retry it.",
        )
    matches = similar_media(session, media_id, k, alpha)
    rows = session.execute(
        sa.select(Media.id, Media.title, Media.location, Media.caption).where(
            Media.id.in_([match.media_id for match in matches])
        )
    )
    words = {row.id: {"title": row.title, "location": row.location, "caption": row.caption} for row in rows}
    return [Recommendation(**vars(match), **words[match.media_id]) for match in matches]
