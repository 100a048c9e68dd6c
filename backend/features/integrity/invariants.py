"""Check of the library's invariants, and serial replay of all decisions."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.rules.grouping import CentroidCache, assign
from backend.store.engine import Database, Session, begin_snapshot
from backend.store.integrity import (
    INVARIANTS,
    RecordedDecision,
    count_deciding_events,
    is_dropped,
    list_breaches,
    list_decisions,
    list_eras,
    list_sums,
)
from backend.store.spaces import hold_active_space
from backend.vectors import unit_rows

_ROWS_SHOWN = 20
_REPLAY_BATCH = 256


@dataclass(frozen=True)
class AuditReport:
    """Rows that violate each invariant, and the number of decisions that were replayed."""

    breaches: dict[str, list[dict[str, Any]]]
    replayed: int | None = None
    replay_skipped: str | None = None

    @property
    def is_clean(self) -> bool:
        return not self.breaches


def audit(database: Database, *, replay: bool = False) -> AuditReport:
    """Check every invariant in SQL, in one snapshot. With `replay`, also recompute every centroid and repeat every decision in order.
    After an edit, only the sums are checked, because later decisions saw other groups than those that now exist.

    If the model was changed, each period is replayed in its space, starting from the groups at its beginning: the centroids, in that
    space, of earlier decisions. Periods in dropped spaces cannot be replayed.
    """
    with database.transaction() as session:
        begin_snapshot(session)
        # Taken before the snapshot, because view and space belong together.
        active = hold_active_space(session)
        breaches = {name: rows for name in INVARIANTS if (rows := list_breaches(session, name, _ROWS_SHOWN))}
        if not replay:
            return AuditReport(breaches)
        if active is not None and (differing := _check_sums(session, active.id)):
            breaches["sum_differs"] = differing[:_ROWS_SHOWN]
        if edits := count_deciding_events(session):
            skipped = f"the journal has {edits} edits, and later decisions met them"
            return AuditReport(breaches, replay_skipped=skipped)
        replayed, differing, skipped_era = _replay_all(session)
    if differing:
        breaches["replay_differs"] = differing[:_ROWS_SHOWN]
    return AuditReport(breaches, replayed=replayed, replay_skipped=skipped_era)


def _check_sums(session: Session, space_id: int) -> list[dict[str, Any]]:
    sums = _Sums()
    after_seq = 0
    while decisions := list_decisions(session, space_id, after_seq=after_seq, limit=_REPLAY_BATCH):
        after_seq = decisions[-1].assign_seq
        sums.add(decisions)
    return sums.compare(session)


def _replay_all(session: Session) -> tuple[int, list[dict[str, Any]], str | None]:
    """Number of replayed decisions, those with another result, and the reason if some could not be replayed."""
    count, gone = 0, 0
    differing: list[dict[str, Any]] = []
    for space_id, before_seq, last_seq in list_eras(session):
        if is_dropped(session, space_id):
            gone += 1
            continue
        replay = _Replay()
        after_seq = 0
        while decisions := list_decisions(session, space_id, after_seq=after_seq, limit=_REPLAY_BATCH):
            after_seq = decisions[-1].assign_seq
            replay.found([one for one in decisions if one.assign_seq <= before_seq])
            replay.run([one for one in decisions if before_seq < one.assign_seq <= last_seq])
            if after_seq >= last_seq:
                break
        count += replay.count
        differing += replay.differences
    skipped = f"{gone} stretches of decisions were made in spaces that have been dropped" if gone else None
    return count, differing, skipped


@dataclass
class _Sums:
    """Sums members in the order of decisions. Stored sums must be equal to the last bit."""

    _sums: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    _counts: Counter[int] = field(default_factory=Counter)

    def add(self, decisions: list[RecordedDecision]) -> None:
        if not decisions:
            return
        self._counts.update(decision.cluster_id for decision in decisions)
        units = unit_rows(np.stack([decision.image_embedding for decision in decisions]))
        for decision, unit in zip(decisions, units, strict=True):
            if decision.cluster_id in self._sums:
                self._sums[decision.cluster_id] += unit
            else:
                self._sums[decision.cluster_id] = unit.copy()

    def table(self, dimension: int) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
        """Cluster ids (m,) ascending, sums (m, d) and member counts (m,)."""
        ids = sorted(self._sums)
        sums = np.stack([self._sums[id_] for id_ in ids]) if ids else np.empty((0, dimension))
        return np.array(ids, dtype=np.int64), sums, np.array([self._counts[id_] for id_ in ids], dtype=np.int64)

    def compare(self, session: Session) -> list[dict[str, Any]]:
        """Groups whose stored sum differs."""
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
    """Repeats decisions and compares: replayed and recorded groups must correspond one to one throughout."""

    count: int = 0
    differences: list[dict[str, Any]] = field(default_factory=list)
    _cache: CentroidCache | None = None
    _found: _Sums = field(default_factory=_Sums)
    _recorded_of: dict[int, int] = field(default_factory=dict)
    _replayed_of: dict[int, int] = field(default_factory=dict)

    def found(self, decisions: list[RecordedDecision]) -> None:
        """Add decisions that were made before the first replayed one."""
        self._found.add(decisions)

    def run(self, decisions: list[RecordedDecision]) -> None:
        for threshold, same in groupby(decisions, key=lambda decision: decision.threshold):
            self._run_at(threshold, list(same))

    def _run_at(self, threshold: float, decisions: list[RecordedDecision]) -> None:
        embeddings = np.stack([decision.image_embedding for decision in decisions])
        cache = self._cache or self._begin(embeddings.shape[1])
        outcome = assign(embeddings, cache.centroids, threshold)
        founded = [int(row) for row in outcome.rows if row >= len(cache.cluster_ids)]
        cache.apply(outcome, founded, cache.version + 1)
        self._cache = cache
        for recorded, replayed in zip(decisions, outcome.decisions, strict=True):
            self._compare(recorded, replayed.row)
        self.count += len(decisions)

    def _begin(self, dimension: int) -> CentroidCache:
        ids, sums, counts = self._found.table(dimension)
        self._recorded_of = dict(enumerate(ids.tolist()))
        self._replayed_of = {cluster_id: row for row, cluster_id in self._recorded_of.items()}
        return CentroidCache(ids, sums, counts, np.ones(len(ids), np.bool_), version=0)

    def _compare(self, recorded: RecordedDecision, replayed: int) -> None:
        expected = self._recorded_of.setdefault(replayed, recorded.cluster_id)
        counterpart = self._replayed_of.setdefault(recorded.cluster_id, replayed)
        if expected != recorded.cluster_id or counterpart != replayed:
            self.differences.append(
                {"media_id": recorded.media_id, "cluster_id": recorded.cluster_id, "replayed_cluster_id": expected}
            )


def describe_breaches(report: AuditReport) -> Iterator[str]:
    """Describe each violating row in a line."""
    for invariant, rows in report.breaches.items():
        for row in rows:
            yield f"{invariant}: " + ", ".join(f"{name}={value}" for name, value in row.items())
