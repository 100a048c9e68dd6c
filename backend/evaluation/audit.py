"""Check the invariants of the library, and whether a serial replay of all decisions gives the same clusters."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from backend.clustering.assignment import assign
from backend.clustering.cache import CentroidCache
from backend.db.audit import (
    INVARIANTS,
    RecordedDecision,
    count_deciding_events,
    list_breaches,
    list_decisions,
    list_sums,
)
from backend.db.engine import Database
from backend.vectors import unit_rows

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
    """Check every invariant in SQL, in one snapshot; with `replay`, add every centroid up once more and decide
    everything once more, one after another. After an edit only the sums are checked: later decisions met other clusters
    than those that there are."""
    with database.transaction() as session:
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        breaches = {name: rows for name in INVARIANTS if (rows := list_breaches(session, name, _ROWS_SHOWN))}
        if not replay:
            return AuditReport(breaches)
        edits = count_deciding_events(session)
        replayer = None if edits else _Replay()
        sums = _Sums()
        after_seq = 0
        while True:
            decisions, after_seq = list_decisions(session, after_seq=after_seq, limit=_REPLAY_BATCH)
            if not decisions:
                break
            sums.add(decisions)
            if replayer is not None:
                replayer.run(decisions)
        if differing := sums.compare(session):
            breaches["sum_differs"] = differing[:_ROWS_SHOWN]
    if replayer is None:
        return AuditReport(breaches, replay_skipped=f"the journal has {edits} edits, and later decisions met them")
    if replayer.differences:
        breaches["replay_differs"] = replayer.differences[:_ROWS_SHOWN]
    return AuditReport(breaches, replayed=replayer.count)


@dataclass
class _Sums:
    """Adds members up in the order of decisions; the stored sums have to be the same to the last bit."""

    _sums: dict[int, NDArray[np.float64]] = field(default_factory=dict)

    def add(self, decisions: list[RecordedDecision]) -> None:
        units = unit_rows(np.stack([decision.image_embedding for decision in decisions]))
        for decision, unit in zip(decisions, units, strict=True):
            if decision.cluster_id in self._sums:
                self._sums[decision.cluster_id] += unit
            else:
                self._sums[decision.cluster_id] = unit.copy()

    def compare(self, session: Session) -> list[dict[str, Any]]:
        """The clusters whose stored sum is another."""
        differing: list[dict[str, Any]] = []
        after = 0
        while stored := list_sums(session, after_cluster=after, limit=_REPLAY_BATCH):
            after = stored[-1][0]
            differing += [
                {"cluster_id": cluster_id}
                for cluster_id, total in stored
                if cluster_id not in self._sums or not np.array_equal(total, self._sums[cluster_id])
            ]
        return differing


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
