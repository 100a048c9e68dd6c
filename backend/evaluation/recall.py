"""Recall of the public SQL functions: what they find for live media, against reading every embedding."""

import uuid
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from backend.db.arrays import fetch_arrays
from backend.db.candidates import Limits, QueryVectors, match, nearest_exactly, nominate_by_index
from backend.db.embeddings import search_media
from backend.db.engine import Database

# Values that single precision cannot tell apart: either media is a right answer.
_TOLERANCE = 1e-6
_LEG_EFFORT = 100

Key = TypeVar("Key", str, float)


@dataclass(frozen=True)
class RecallReport:
    """k, sampled: how many hits of how many media were compared; fused: recall@k of `search_media` at each alpha; legs:
    recall@k of each single index (image, text) at the effort of one pass, absent where no sampled media has that side.
    """

    k: int
    sampled: int
    fused: dict[float, float]
    legs: dict[str, float]

    @property
    def worst(self) -> float | None:
        """The least recall over all alphas; None where nothing was sampled."""
        return min(self.fused.values(), default=None)


def audit_recall(
    database: Database, *, k: int = 10, sample: int = 50, alphas: tuple[float, ...] = (0.0, 0.3, 0.6, 0.9, 1.0)
) -> RecallReport:
    """Search for `sample` random media by index and by reading all, each in a transaction of its own.

    A media is its own best hit and counts as one, for both. Cost: sample * (alphas + 2) readings of all embeddings.
    """
    with database.transaction() as session:
        queries = _sample(session, sample)
    fused: dict[float, list[float]] = {alpha: [] for alpha in alphas}
    legs: dict[str, list[float]] = {"image": [], "text": []}
    for image, text in queries:
        with database.transaction() as session:
            # One snapshot, so that an upload between two statements does not count as a miss.
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            for alpha in alphas:
                fused[alpha].append(_recall_of_search(session, QueryVectors(image, text, alpha), k))
            legs["image"].append(_recall_of_leg(session, QueryVectors(image, None, 1.0), k))
            if text is not None:
                legs["text"].append(_recall_of_leg(session, QueryVectors(None, text, 0.0), k))
    return RecallReport(k, len(queries), _means(fused), _means(legs))


def _sample(session: Session, count: int) -> list[tuple[NDArray[np.float32], NDArray[np.float32] | None]]:
    rows = fetch_arrays(
        session,
        "WITH sampled AS MATERIALIZED (SELECT media_id FROM media_embedding ORDER BY random() LIMIT %(count)s) "
        "SELECT e.image_embedding, e.text_embedding FROM sampled JOIN media_embedding e USING (media_id)",
        {"count": count},
    )
    return [(row[0], row[1]) for row in rows]


def _recall_of_search(session: Session, query: QueryVectors, k: int) -> float:
    found = search_media(session, query.image, query.text, k, query.alpha)
    return _recall({hit.media_id: hit.combined for hit in found}, _truth(session, query, k))


def _recall_of_leg(session: Session, query: QueryVectors, k: int) -> float:
    limits = Limits(image=k, text=k, fused=0, textless=0, effort=max(_LEG_EFFORT, k))
    found = nominate_by_index(session, query, match(), limits)
    combined = {row.media_id: (row.sim_image or 0.0) + (row.sim_text or 0.0) for row in found}
    return _recall(combined, _truth(session, query, k, with_text=query.text is not None))


def _truth(session: Session, query: QueryVectors, k: int, *, with_text: bool = False) -> dict[uuid.UUID, float]:
    rows = nearest_exactly(session, query, match(), k)
    return {
        row.media_id: query.alpha * (row.sim_image or 0.0) + (1 - query.alpha) * (row.sim_text or 0.0)
        for row in rows
        if row.sim_text is not None or not with_text
    }


def _recall(found: dict[uuid.UUID, float], truth: dict[uuid.UUID, float]) -> float:
    """The share of the best k that was found; a media as near as the k-th counts as it."""
    if not truth:
        return 1.0
    kth = min(truth.values())
    right = sum(1 for value in found.values() if value >= kth - _TOLERANCE)
    return min(1.0, right / len(truth))


def _means(values: dict[Key, list[float]]) -> dict[Key, float]:
    return {key: float(np.mean(recalls)) for key, recalls in values.items() if recalls}
