"""Quality of groups: the current ones, those after the second pass, those of offline clustering, and those at other thresholds."""

import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from backend.features.evaluation.library import Reading
from backend.features.evaluation.options import Options
from backend.features.evaluation.truth import Truth
from backend.rules.consolidation import consolidate
from backend.rules.grouping import group_in_order
from backend.rules.measures import Agreement, Best, Bootstrap, Contingency, Interval, resample, silhouettes

Rows = NDArray[np.int64]
Values = NDArray[np.float64]

MEASURES = tuple(Agreement.__dataclass_fields__)


@dataclass(frozen=True)
class Grouping:
    """Quality of one grouping.

    Attributes:
        name: which grouping.
        groups: number of groups among the measured pictures.
        alone: number of groups with one picture.
        largest: size of the largest group.
        measures: agreement with the labels, and the mean silhouette (None for a single group).
    """

    name: str
    groups: int
    alone: int
    largest: int
    measures: dict[str, Interval | None]


@dataclass(frozen=True)
class Groupings:
    """Quality of several groupings.

    Attributes:
        media: number of measured pictures, all labelled.
        drawn: whether they are a sample.
        groupings: one entry per grouping.
    """

    media: int
    drawn: bool
    groupings: tuple[Grouping, ...]


@dataclass(frozen=True)
class ThresholdPoint:
    """Quality of the groups at one threshold."""

    threshold: float
    groups: int
    adjusted_rand_index: Interval
    normalized_mutual_information: float
    purity: float


@dataclass(frozen=True)
class ThresholdSweep:
    """Quality of the groups at several thresholds.

    Attributes:
        media: number of pictures grouped.
        labelled: number of them with a label, which are measured.
        drawn: whether they are a sample.
        points: one entry per threshold.
        best: the best of them.
    """

    media: int
    labelled: int
    drawn: bool
    points: tuple[ThresholdPoint, ...]
    best: Best


def compare_groupings(
    reading: Reading, truth: Truth, options: Options, on_progress: Callable[[int, int], None]
) -> Groupings:
    """Compare the current groups with three others.

    `online` are the current groups, `consolidated` those that the second pass would leave (computed, not written). `agglomerative` and
    `agglomerative_wide` are scikit-learn's AgglomerativeClustering (cosine, average linkage), cut at a distance of 1 - threshold and of
    1 - threshold^2, which allows groups as wide as the rule does. These compare all pairs, so at most `most_offline` pictures are
    measured for all four.
    """
    rows, drawn = _draw(truth.labelled, options.most_offline, options.seed)
    library, threshold = reading.library, reading.threshold
    makers: dict[str, Callable[[], Rows]] = {
        "online": lambda: library.clusters[rows],
        "consolidated": lambda: consolidate(library, threshold).renaming.clusters[rows],
        "agglomerative": lambda: _agglomerate(library.embeddings[rows], 1 - threshold),
        "agglomerative_wide": lambda: _agglomerate(library.embeddings[rows], 1 - threshold**2),
    }
    made = []
    for done, (name, make) in enumerate(makers.items()):
        on_progress(done, len(makers))
        made.append(_describe(name, make(), truth.codes[rows], library.embeddings[rows], options.bootstrap))
    on_progress(len(makers), len(makers))
    return Groupings(len(rows), drawn, tuple(made))


def sweep_thresholds(
    reading: Reading, truth: Truth, options: Options, on_progress: Callable[[int, int], None]
) -> ThresholdSweep:
    """Group all pictures again in upload order, once per threshold, by the rule alone. Curators' decisions are ignored, because labels
    may come from them. Memory holds one run at a time."""
    rows, drawn = _draw(np.arange(len(reading.media_ids)), options.most_media, options.seed)
    labelled = np.flatnonzero(truth.codes[rows] >= 0)
    labels = truth.codes[rows][labelled]
    embeddings = reading.library.embeddings if not drawn else reading.library.embeddings[rows]
    thresholds = sorted({*options.thresholds, reading.threshold})
    points, resampled = [], []
    for index, threshold in enumerate(thresholds):
        report = partial(_report, on_progress, index * len(rows), len(thresholds) * len(rows))
        groups = group_in_order(embeddings, threshold, report)
        point, draws = _measure_threshold(threshold, groups, labels, labelled, options.bootstrap)
        points.append(point)
        resampled.append(draws)
    best = options.bootstrap.best([one.adjusted_rand_index.value for one in points], np.column_stack(resampled))
    return ThresholdSweep(len(rows), len(labelled), drawn, tuple(points), best)


def _report(on_progress: Callable[[int, int], None], before: int, total: int, done: int) -> None:
    on_progress(before + done, total)


def _measure_threshold(
    threshold: float, groups: Rows, labels: Rows, labelled: Rows, bootstrap: Bootstrap
) -> tuple[ThresholdPoint, Values]:
    """Measure one threshold. Returns the point, and its adjusted Rand index in each resample (resamples,)."""
    table = Contingency.of(labels, groups[labelled])
    draws = resample(bootstrap, len(labels), table.adjusted_rand_indexes)
    found = table.agree()
    index = bootstrap.interval(found.adjusted_rand_index, draws)
    point = ThresholdPoint(threshold, int(groups.max()) + 1, index, found.normalized_mutual_information, found.purity)
    return point, draws


def _draw(rows: Rows, most: int, seed: int) -> tuple[Rows, bool]:
    """A random sample of at most `most` rows, in order, and whether there were more."""
    if len(rows) <= most:
        return rows, False
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False)), True


def _describe(name: str, groups: Rows, labels: Rows, embeddings: NDArray[np.float32], bootstrap: Bootstrap) -> Grouping:
    table = Contingency.of(labels, groups)
    found = asdict(table.agree())
    draws = resample(bootstrap, len(labels), table.agree_each)
    measures: dict[str, Interval | None] = {
        measure: bootstrap.interval(found[measure], draws[:, index]) for index, measure in enumerate(MEASURES)
    }
    sizes = np.unique(groups, return_counts=True)[1]
    measures["silhouette"] = bootstrap.mean(silhouettes(embeddings, groups)) if len(sizes) > 1 else None
    return Grouping(name, len(sizes), int((sizes == 1).sum()), int(sizes.max()), measures)


def _agglomerate(embeddings: NDArray[np.float32], distance: float) -> Rows:
    if len(embeddings) < 2:
        return np.zeros(len(embeddings), dtype=np.int64)
    from sklearn.cluster import AgglomerativeClustering

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        model = AgglomerativeClustering(
            n_clusters=None, metric="cosine", linkage="average", distance_threshold=max(distance, 0.0)
        )
        return np.asarray(model.fit_predict(embeddings.astype(np.float64)), dtype=np.int64)
