"""Check the invariants of the library, and whether a serial replay of all decisions gives the same clusters."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np

from backend.clustering.assignment import assign
from backend.clustering.cache import CentroidCache
from backend.db.audit import (
    INVARIANTS,
    RecordedDecision,
    count_curated_memberships,
    list_breaches,
    list_decisions,
)
from backend.db.engine import Database

_ROWS_SHOWN = 20
_REPLAY_BATCH = 256


@dataclass(frozen=True)
class AuditReport:
    """The rows that break each broken invariant; `replayed` counts the decisions that were made again."""

    breaches: dict[str, list[dict[str, Any]]]
    replayed: int | None = None
    replay_skipped: str | None = None

    @property
    def is_clean(self) -> bool:
        return not self.breaches


def audit(database: Database, *, replay: bool = False) -> AuditReport:
    """Check every invariant in SQL, in one snapshot; with `replay`, decide everything once more, one after another."""
    with database.transaction() as session:
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        breaches = {name: rows for name in INVARIANTS if (rows := list_breaches(session, name, _ROWS_SHOWN))}
        if not replay:
            return AuditReport(breaches)
        if curated := count_curated_memberships(session):
            return AuditReport(breaches, replay_skipped=f"a curator decided {curated} memberships")
        replayer = _Replay()
        after_seq = 0
        while True:
            decisions, after_seq = list_decisions(session, after_seq=after_seq, limit=_REPLAY_BATCH)
            if not decisions:
                break
            replayer.run(decisions)
    if replayer.differences:
        breaches["replay_differs"] = replayer.differences[:_ROWS_SHOWN]
    return AuditReport(breaches, replayed=replayer.count)


@dataclass
class _Replay:
    """Assigns anew and compares: the replayed cluster and the recorded one have to stand for each other throughout."""

    count: int = 0
    differences: list[dict[str, Any]] = field(default_factory=list)
    _cache: CentroidCache | None = None
    _recorded_of: dict[int, int] = field(default_factory=dict)
    _replayed_of: dict[int, int] = field(default_factory=dict)

    def run(self, decisions: list[RecordedDecision]) -> None:
        for threshold, same in groupby(decisions, key=lambda decision: decision.threshold):
            self._run_at(threshold, list(same))

    def _run_at(self, threshold: float, decisions: list[RecordedDecision]) -> None:
        embeddings = np.stack([decision.image_embedding for decision in decisions])
        cache = self._cache or _empty_cache(embeddings.shape[1])
        outcome = assign(embeddings, cache.centroids, threshold)
        founded = [int(row) for row in outcome.rows if row >= len(cache.cluster_ids)]
        cache.apply(outcome, founded, cache.version + 1)
        self._cache = cache
        for recorded, replayed in zip(decisions, outcome.decisions, strict=True):
            self._compare(recorded, replayed.row)
        self.count += len(decisions)

    def _compare(self, recorded: RecordedDecision, replayed: int) -> None:
        expected = self._recorded_of.setdefault(replayed, recorded.cluster_id)
        counterpart = self._replayed_of.setdefault(recorded.cluster_id, replayed)
        if expected != recorded.cluster_id or counterpart != replayed:
            self.differences.append(
                {"media_id": recorded.media_id, "cluster_id": recorded.cluster_id, "replayed_cluster_id": expected}
            )


def _empty_cache(dimension: int) -> CentroidCache:
    return CentroidCache(
        np.empty(0, np.int64), np.empty((0, dimension)), np.empty(0, np.int64), np.empty(0, np.bool_), version=0
    )


def describe_breaches(report: AuditReport) -> Iterator[str]:
    """A line per offending row."""
    for invariant, rows in report.breaches.items():
        for row in rows:
            yield f"{invariant}: " + ", ".join(f"{name}={value}" for name, value in row.items())
