"""The second pass: merges, splits and moves that correct effects of the upload order."""

from dataclasses import dataclass

from backend.features.consolidation.machine_edits import Plan, Reading, regroup
from backend.features.services import Services
from backend.rules.consolidation import Regrouped, consolidate
from backend.rules.editing import Outcome

KIND = "consolidate"


@dataclass(frozen=True)
class MergedCluster:
    """A group that was merged into another one."""

    cluster_id: int
    into: int
    media_count: int


@dataclass(frozen=True)
class SplitCluster:
    """A group that a new one was split off from."""

    cluster_id: int
    created_cluster_id: int
    media_count: int


@dataclass(frozen=True)
class ConsolidationReport:
    """Result of the second pass, or its preview.

    Attributes:
        threshold: threshold of the library.
        media: number of pictures considered.
        clusters_before: number of groups before.
        clusters_after: number of groups after.
        merges: merged groups.
        splits: new groups.
        moved: pictures moved by neither a merge nor a split.
        outcome: the change. Its `event_id` is what to undo, None for a preview or if nothing changed.
    """

    threshold: float
    media: int
    clusters_before: int
    clusters_after: int
    merges: tuple[MergedCluster, ...]
    splits: tuple[SplitCluster, ...]
    moved: int
    outcome: Outcome


def consolidate_library(services: Services, *, actor: str, dry_run: bool = False) -> ConsolidationReport:
    """Regroup all automatic memberships at the library's threshold, as one event that can be undone.

    Curators' decisions are kept (see `backend.rules.consolidation.second_pass.Library`).

    Raises:
        NotFound: there is no active space.
        Conflict: curators changed groups during each of three attempts.
    """
    written = regroup(services, _decide, actor=actor, dry_run=dry_run)
    renaming, created = written.plan.regrouped.renaming, written.created
    return ConsolidationReport(
        threshold=written.plan.threshold,
        media=len(written.reading.grouping.media_ids),
        clusters_before=len(set(written.reading.grouping.clusters.tolist())),
        clusters_after=len(set(renaming.clusters.tolist())),
        merges=tuple(
            MergedCluster(one.cluster, created.get(one.into, one.into), one.media_count) for one in renaming.merges
        ),
        splits=tuple(SplitCluster(one.cluster, created[one.created], one.media_count) for one in renaming.splits),
        moved=len(renaming.moved),
        outcome=written.outcome,
    )


def _decide(reading: Reading) -> Plan:
    regrouped = consolidate(reading.library, reading.threshold)
    return Plan(KIND, _summary(regrouped), reading.threshold, regrouped)


def _summary(regrouped: Regrouped) -> str:
    renaming = regrouped.renaming
    if not len(renaming.changed):
        return "Nothing to consolidate"
    return (
        f"Consolidated: {len(renaming.merges):,} groups merged, {len(renaming.splits):,} split off, "
        f"{len(renaming.moved):,} pictures moved"
    )
