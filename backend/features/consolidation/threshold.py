"""Comparison of thresholds by running the rule, and choice of one."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from backend.bounds import THRESHOLD
from backend.errors import InputError
from backend.features.consolidation.machine_edits import Plan, Reading, read_library, regroup
from backend.features.services import Services
from backend.rules.consolidation import Regrouped, rerun
from backend.rules.editing import Outcome
from backend.rules.measures import adjusted_rand_index
from backend.store.access import Act, record_act
from backend.store.engine import Session
from backend.store.schema import Space
from backend.store.spaces import record_threshold

KIND = "threshold"
MOST_MEDIA = 100_000
SIZE_STEPS = (1, 2, 3, 5, 10, 30, 100, 300, 1_000)


@dataclass(frozen=True)
class SizeClass:
    """Number of groups with at least `least` members, and fewer than the next class."""

    least: int
    clusters: int


@dataclass(frozen=True)
class ThresholdReport:
    """The groups at one threshold.

    Attributes:
        threshold: the threshold.
        media: number of pictures considered.
        sampled: whether that is a sample of the library.
        clusters: number of groups.
        largest: size of the largest group.
        sizes: number of groups by size class.
        moved: pictures that would change their group, with groups matched by overlap.
        adjusted_rand_index: agreement with the labels, None without labels.
    """

    threshold: float
    media: int
    sampled: bool
    clusters: int
    largest: int
    sizes: tuple[SizeClass, ...]
    moved: int
    adjusted_rand_index: float | None


def compare_thresholds(
    services: Services,
    thresholds: Sequence[float],
    *,
    labels: Mapping[uuid.UUID, str] | None = None,
    most_media: int = MOST_MEDIA,
) -> list[ThresholdReport]:
    """Run the rule over the stored embeddings in upload order at each threshold. Changes nothing.

    If the library has more than `most_media` pictures, a fixed sample is used, and counts refer to it.

    Raises:
        InputError: a threshold is not in (0, 1].
        NotFound: there is no active space.
    """
    for threshold in thresholds:
        require_threshold(threshold)
    reading = read_library(services, most_media=most_media)
    media_ids = reading.grouping.media_ids
    return [
        _report(rerun(reading.library, one), one, media_ids, labels or {}, sampled=reading.sampled)
        for one in thresholds
    ]


def apply_threshold(services: Services, threshold: float, *, actor: str, dry_run: bool = False) -> Outcome:
    """Regroup at this threshold and use it for later uploads, as one event. Undoing it restores the old threshold.

    Curators' decisions are kept.

    Raises:
        InputError: the threshold is not in (0, 1].
        NotFound: there is no active space.
        Conflict: curators changed groups during each of three attempts.
    """
    require_threshold(threshold)

    def decide(reading: Reading) -> Plan:
        regrouped = rerun(reading.library, threshold)
        moved = len(regrouped.renaming.changed)
        summary = f"Threshold {threshold:g} instead of {reading.threshold:g}: {moved:,} pictures in other groups"
        return Plan(KIND, summary, threshold, regrouped)

    def choose(session: Session, space: Space, event_id: int) -> None:
        record_threshold(session, event_id, space.id, threshold)
        record_act(session, actor, Act.THRESHOLD_CHOSEN, f"{threshold:g}", event_id=event_id)

    return regroup(services, decide, actor=actor, dry_run=dry_run, and_then=choose).outcome


def require_threshold(threshold: float) -> None:
    """Raise InputError for an invalid threshold."""
    if threshold not in THRESHOLD:
        raise InputError(
            f"{threshold:g} is not a valid threshold.", hint="Give a number above 0 and up to 1, such as 0.82."
        )


def _report(
    regrouped: Regrouped,
    threshold: float,
    media_ids: list[uuid.UUID],
    labels: Mapping[uuid.UUID, str],
    *,
    sampled: bool,
) -> ThresholdReport:
    clusters = regrouped.renaming.clusters
    sizes = np.unique(clusters, return_counts=True)[1]
    bounds = [*SIZE_STEPS, np.inf]
    known = [row for row, media_id in enumerate(media_ids) if media_id in labels]
    return ThresholdReport(
        threshold=threshold,
        media=len(media_ids),
        sampled=sampled,
        clusters=len(sizes),
        largest=int(sizes.max(initial=0)),
        sizes=tuple(
            SizeClass(least, int(((sizes >= least) & (sizes < bound)).sum()))
            for least, bound in zip(SIZE_STEPS, bounds[1:], strict=True)
        ),
        moved=len(regrouped.renaming.changed),
        adjusted_rand_index=adjusted_rand_index([labels[media_ids[row]] for row in known], clusters[known].tolist())
        if known
        else None,
    )
