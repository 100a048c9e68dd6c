"""View models of the quality page, made from stored reports."""

from dataclasses import dataclass
from typing import Any

from backend.features.consolidation import SIZE_STEPS
from backend.features.evaluation import REPORTS, Job
from backend.rules.measures import Histogram
from backend.store.engine import Session
from backend.store.evaluation import SizeClass, Standing, count_sizes, find_standing
from backend.store.schema import QualityReport
from backend.store.spaces import get_threshold
from backend.web.pages.charts import Axis, area, line

# Grouping all pictures again takes about 0.25 ms per picture: beyond this number, a browser would wait too long.
MOST_APPLIED_HERE = 60_000


@dataclass(frozen=True)
class Similarities:
    """Similarities within groups and between random pictures, drawn on one axis.

    Attributes:
        axis: the shared axis.
        same: path of the pairs within groups.
        background: path of the random pairs.
        same_counts: counts per bin of `same`, for the slider.
        background_counts: counts per bin of `background`.
        area_under_curve: chance that a pair within a group is more similar than a random pair.
        overlap: shared area of both distributions.
        same_pairs: number of pairs within groups.
        background_pairs: number of random pairs.
        cohesion_axis: axis of `cohesion`.
        cohesion: path of the cohesions of groups.
        mean_cohesion: mean cohesion of groups.
    """

    axis: Axis
    same: str
    background: str
    same_counts: tuple[int, ...]
    background_counts: tuple[int, ...]
    area_under_curve: float | None
    overlap: float | None
    same_pairs: int
    background_pairs: int
    cohesion_axis: Axis
    cohesion: str
    mean_cohesion: float | None


@dataclass(frozen=True)
class WhatIf:
    """What other thresholds would result in.

    Attributes:
        reports: one row per threshold, ascending.
        present: index of the row with the library's own threshold.
        axis: axis of the thresholds.
        groups: path of the number of groups.
        most_groups: the number of groups at the top of the chart.
        shared: path of the share of pictures in groups of two or more.
    """

    reports: list[dict[str, Any]]
    present: int
    axis: Axis
    groups: str
    most_groups: int
    shared: str

    @property
    def sampled(self) -> bool:
        return bool(self.reports[0]["sampled"])


@dataclass(frozen=True)
class Figures:
    """All figures of the quality page.

    Attributes:
        standing: reports of the active space, None if there is no space.
        threshold: threshold of the library.
        sizes: current group sizes.
        similarities: None if not measured.
        what_if: None if not measured.
        stale: whether groups have changed since the measurement.
        running: whether a measurement is running.
        failure: why the last measurement failed, None if it did not.
    """

    standing: Standing | None
    threshold: float
    sizes: list[SizeClass]
    similarities: Similarities | None
    what_if: WhatIf | None
    stale: bool
    running: bool
    failure: str | None

    @property
    def media_count(self) -> int:
        return 0 if self.standing is None else self.standing.media_count

    @property
    def measured_at(self) -> Any:
        report = None if self.standing is None else self.standing.reports.get("similarities")
        return None if report is None or not report.content else report.measured_at

    @property
    def starts_by_itself(self) -> bool:
        """Whether the page starts a measurement itself: nothing is measured yet, or a small library has changed (takes seconds)."""
        missing = self.similarities is None or self.what_if is None
        small = self.media_count <= 5_000
        return self.media_count > 0 and not self.running and not self.failure and (missing or (self.stale and small))

    @property
    def most_media(self) -> int:
        return max((one.media for one in self.sizes), default=0)


def read_figures(session: Session, setting: float | None, *, running: bool) -> Figures:
    """Four statements, however large the library; running: what this process knows of its own child."""
    standing = find_standing(session)
    if standing is None:
        return Figures(
            None, get_threshold(session, None, setting), [], None, None, stale=False, running=False, failure=None
        )
    similarities, thresholds = (_content(standing.reports.get(kind)) for kind in REPORTS[Job.FIGURES])
    threshold = get_threshold(session, standing.space_id, setting)
    return Figures(
        standing,
        threshold,
        count_sizes(session, standing.space_id, SIZE_STEPS),
        None if similarities is None else _similarities(similarities),
        None if thresholds is None else _what_if(thresholds, threshold),
        stale=is_stale(standing, Job.FIGURES),
        running=running or Job.FIGURES in standing.running,
        failure=failure_of(standing, Job.FIGURES),
    )


def is_stale(standing: Standing, job: Job) -> bool:
    """Whether groups have changed since the job's reports were made."""
    found = [standing.reports.get(kind) for kind in REPORTS[job]]
    return any(one is not None and one.centroid_version != standing.centroid_version for one in found)


def failure_of(standing: Standing, job: Job) -> str | None:
    """Why the last run of the job failed, None if it did not."""
    found = (standing.reports.get(kind) for kind in REPORTS[job])
    return next((one.failure for one in found if one is not None and one.failure), None)


def _content(report: QualityReport | None) -> dict[str, Any] | None:
    return None if report is None or not report.content else report.content


def _similarities(content: dict[str, Any]) -> Similarities:
    same, background, cohesion = (
        Histogram(tuple(content[name]["counts"])) for name in ("same", "background", "cohesion")
    )
    axis = Axis.of(same, background)
    highest = float(max(same.shares.max(), background.shares.max()))
    cohesion_axis = Axis.of(cohesion)
    return Similarities(
        axis,
        area(same, axis, highest),
        area(background, axis, highest),
        same.counts,
        background.counts,
        content["area_under_curve"],
        content["overlap"],
        same.total,
        background.total,
        cohesion_axis,
        area(cohesion, cohesion_axis, float(cohesion.shares.max())),
        content["mean_cohesion"],
    )


def _what_if(content: dict[str, Any], threshold: float) -> WhatIf:
    reports = content["reports"]
    axis = Axis(reports[0]["threshold"])
    groups = [(one["threshold"], one["clusters"]) for one in reports]
    most = max(count for _, count in groups)
    shared = [(one["threshold"], 1 - one["sizes"][0]["clusters"] / max(one["media"], 1)) for one in reports]
    nearest = min(range(len(reports)), key=lambda row: abs(reports[row]["threshold"] - threshold))
    return WhatIf(reports, nearest, axis, line(groups, axis, most), most, line(shared, axis, 1))
