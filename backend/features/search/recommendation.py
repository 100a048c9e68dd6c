"""Recommendations: pictures similar to a stored one."""

import uuid
from dataclasses import dataclass

import numpy as np

from backend.errors import Conflict
from backend.features.search.nomination import nominate_by_scan
from backend.features.search.query_vectors import fetch_examples
from backend.features.search.vector_source import VectorSource
from backend.rules.search import Filters, weighted_sum
from backend.store.engine import Session, forbid_writes
from backend.store.media import get_media, list_words
from backend.store.schema import EMBEDDED_STATUSES
from backend.store.search import MediaMatch, similar_media


@dataclass(frozen=True)
class Recommendation:
    """A hit of `similar_media`, with the texts of its card."""

    media_id: uuid.UUID
    sim_image: float | None
    sim_text: float | None
    combined: float
    title: str
    shown_title: str
    location: str
    caption: str


def recommend(
    session: Session, media_id: uuid.UUID, k: int, alpha: float, scans: VectorSource | None = None
) -> list[Recommendation]:
    """The k pictures most similar to one, best first, by alpha * sim_image + (1 - alpha) * sim_text. A duplicate gets those of its
    original.

    Raises:
        NotFound: the picture does not exist.
        Conflict: the picture has no embedding yet.
    """
    media = get_media(session, media_id)
    if media.duplicate_of is not None:
        media_id = media.duplicate_of
        media = get_media(session, media_id)
    if media.status not in EMBEDDED_STATUSES:
        raise Conflict(
            f"Picture {media_id} has no embedding: its status is {media.status}.",
            hint="Wait until it is ready." if media.error_code is None else "Look at its error, and retry it.",
        )
    matches = None if scans is None else _scan(session, media_id, k, alpha, scans)
    if matches is None:
        matches = similar_media(session, media_id, k, alpha)
    words = list_words(session, [match.media_id for match in matches])
    # Skip pictures deleted meanwhile.
    return [
        Recommendation(
            **vars(match),
            title=said.title,
            shown_title=said.shown_title,
            location=said.location,
            caption=said.caption,
        )
        for match in matches
        if (said := words.get(match.media_id)) is not None
    ]


def _scan(session: Session, media_id: uuid.UUID, k: int, alpha: float, scans: VectorSource) -> list[MediaMatch] | None:
    """The same from vectors in memory, None if these cannot be used."""
    if not scans.is_ready:
        return None
    forbid_writes(session)  # so that it can share a pass
    example = fetch_examples(session, [media_id])[0]
    found = nominate_by_scan(
        session, example.image, example.text, k=k, alpha=alpha, filters=Filters(), exclude=(media_id,), scans=scans
    )
    if found is None:
        return None
    combined = weighted_sum(found.sim_image, found.sim_text, alpha)
    return [
        MediaMatch(one, _number(image), _number(text), float(value))
        for one, image, text, value in zip(
            found.media_ids[:k], found.sim_image[:k], found.sim_text[:k], combined[:k], strict=True
        )
    ]


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
