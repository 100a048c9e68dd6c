"""Recall of the public SQL functions on stored pictures, compared with reading every embedding."""

import uuid
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from backend.features.evaluation.efforts import learn_efforts
from backend.store.engine import Database, Session, begin_snapshot
from backend.store.evaluation import estimate_media, record_recall_audit, sample_vectors
from backend.store.search import (
    Limits,
    Matching,
    Nomination,
    QueryVectors,
    match,
    nearest_exactly,
    nominate_by_index,
    search_media,
)
from backend.store.spaces import find_active_space, hold_active_space

# Single precision cannot tell closer values apart, so either picture counts as right.
_TOLERANCE = 1e-6
_LEG_EFFORT = 100
# Pictures times sampled pictures: about a minute on one core.
_AFFORDABLE_READINGS = 5_000_000

_NO_LEG = Limits(image=0, text=0, fused=0, textless=0, effort=_LEG_EFFORT)
# Pictures that the text indexes contain.
_WITH_TEXT = Matching("e.text_embedding IS NOT NULL", {})

_Sides = tuple[NDArray[np.float32], NDArray[np.float32] | None]
Key = TypeVar("Key", str, float)


@dataclass(frozen=True)
class RecallReport:
    """Recall of searches. Entries that no sampled picture has the vectors for are missing.

    Attributes:
        k: number of hits compared.
        sampled: number of pictures searched for.
        fused: recall@k of `search_media` by alpha.
        fused_index: recall@k of the fused index alone, among pictures with text, at the effort of one pass.
        legs: recall@k of each single index (`image`, `text`), likewise.
    """

    k: int
    sampled: int
    fused: dict[float, float]
    fused_index: dict[float, float]
    legs: dict[str, float]

    @property
    def worst(self) -> float | None:
        """The lowest recall over all alphas, None if nothing was sampled."""
        return min(self.fused.values(), default=None)


def audit_recall(
    database: Database, *, k: int = 10, sample: int = 50, alphas: tuple[float, ...] = (0.0, 0.3, 0.6, 0.9, 1.0)
) -> RecallReport:
    """Learn the efforts of searches by index, then search for `sample` random pictures by `search_media` and by reading all, each in a
    transaction of its own.

    A picture is its own best hit, which counts for both. Cost: sample * (2 * alphas + 2) scans of all embeddings. The result is stored
    for the metrics, unless nothing is embedded.
    """
    learn_efforts(database)
    with database.transaction() as session:
        space = find_active_space(session)
        queries = sample_vectors(session, sample)
    report = _measure(database, None if space is None else space.id, queries, k, alphas)
    if space is not None and queries:
        with database.transaction() as session:
            record_recall_audit(session, space.id, **vars(report))
    return report


def _measure(
    database: Database, space_id: int | None, queries: list[_Sides], k: int, alphas: tuple[float, ...]
) -> RecallReport:
    fused: dict[float, list[float]] = {alpha: [] for alpha in alphas}
    fused_index: dict[float, list[float]] = {alpha: [] for alpha in alphas}
    legs: dict[str, list[float]] = {"image": [], "text": []}
    for image, text in queries:
        with database.transaction() as session:
            # One snapshot, so that an upload between two statements does not count as a miss.
            begin_snapshot(session)
            held = hold_active_space(session)
            if held is None or held.id != space_id:
                break  # another space was activated, so these queries are useless
            for alpha in alphas:
                query = QueryVectors(image, text, alpha)
                fused[alpha].append(_recall_of_search(session, query, k))
                if text is not None:
                    fused_index[alpha].append(_recall_of_index(session, query, k, "fused"))
            legs["image"].append(_recall_of_index(session, QueryVectors(image, None, 1.0), k, "image"))
            if text is not None:
                legs["text"].append(_recall_of_index(session, QueryVectors(None, text, 0.0), k, "text"))
    return RecallReport(k, len(queries), _means(fused), _means(fused_index), _means(legs))


def audit_recall_within(database: Database) -> RecallReport:
    """Audit fewer pictures of large libraries, so that it takes a few minutes at most. For workers, which have other work."""
    with database.transaction() as session:
        count = estimate_media(session)
    return audit_recall(database, sample=int(min(max(_AFFORDABLE_READINGS / max(count, 1.0), 5), 50)))


def _recall_of_search(session: Session, query: QueryVectors, k: int) -> float:
    found = search_media(session, query.image, query.text, k, query.alpha)
    return _recall({hit.media_id: hit.combined for hit in found}, _truth(session, query, k, match()))


def _recall_of_index(session: Session, query: QueryVectors, k: int, index: str) -> float:
    limits = replace(_NO_LEG, **{index: k}, effort=max(_LEG_EFFORT, k))
    held = match() if index == "image" else _WITH_TEXT
    found = nominate_by_index(session, query, match(), limits)
    return _recall({row.media_id: _combined(row, query.alpha) for row in found}, _truth(session, query, k, held))


def _truth(session: Session, query: QueryVectors, k: int, matching: Matching) -> dict[uuid.UUID, float]:
    rows = nearest_exactly(session, query, matching, k)
    return {row.media_id: _combined(row, query.alpha) for row in rows}


def _combined(row: Nomination, alpha: float) -> float:
    return alpha * (row.sim_image or 0.0) + (1 - alpha) * (row.sim_text or 0.0)


def _recall(found: dict[uuid.UUID, float], truth: dict[uuid.UUID, float]) -> float:
    """Share of the best k that was found. A picture as near as the k-th counts as found."""
    if not truth:
        return 1.0
    kth = min(truth.values())
    right = sum(1 for value in found.values() if value >= kth - _TOLERANCE)
    return min(1.0, right / len(truth))


def _means(values: dict[Key, list[float]]) -> dict[Key, float]:
    return {key: float(np.mean(recalls)) for key, recalls in values.items() if recalls}
