"""Comparison of a space with the active one, and the suggested threshold.

It refers to the current groups, including curators' decisions, and answers three questions for each space. How good is search, by
judgements or labels if there are any (see `retrieval`)? How well separated are the current groups: the threshold that reproduces most
decisions is found exactly, by comparing every member with all centroids. And which groups would the rule make: it runs on a sample of
whole groups at that threshold and others around it. The threshold whose groups agree best with the current ones (adjusted Rand index)
is suggested.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.errors import Conflict, InputError
from backend.features.evaluation import OnProgress, Source
from backend.features.model_change.alignment import align
from backend.features.model_change.retrieval import Finding, find_difference
from backend.features.services import Services
from backend.rules.consolidation import Library, rerun
from backend.rules.measures import adjusted_rand_index, neighbour_agreement, own_without_itself, separating_threshold
from backend.store.engine import Session, begin_snapshot
from backend.store.groups import StoredGrouping, load_embeddings, read_grouping
from backend.store.schema import Space
from backend.store.spaces import (
    Fits,
    get_active_space,
    get_space,
    get_threshold,
    list_embedded,
    list_fits,
    load_text_pairs,
    record_comparison,
    start_fill,
)

MOST_MEDIA = 5_000
_SEED = 0
_QUERIES = 300
_K = 10
_BLOCK = 512
# Offsets from the separating threshold. In a small sample, the nearest other group is often missing, so that one is only a start.
_STEPS = (-0.06, -0.04, -0.02, -0.01, 0.0, 0.01, 0.02, 0.04, 0.06)


@dataclass(frozen=True)
class SpaceReport:
    """Behaviour of one space on the sample.

    Attributes:
        name: name of the space.
        threshold: threshold of the run.
        groups: number of groups.
        agreement: adjusted Rand index of its groups and the current ones.
        curated_agreement: the same for pictures that curators decided, None without any.
        changed_groups: share of the current groups that would differ.
        moved: number of pictures in another group.
        separation: share of current decisions reproduced at the best threshold, judged by the final centroids.
    """

    name: str
    threshold: float
    groups: int
    agreement: float
    curated_agreement: float | None
    changed_groups: float
    moved: int
    separation: float


@dataclass(frozen=True)
class Comparison:
    """Comparison of two spaces.

    Attributes:
        active: the active space.
        candidate: the other space.
        suggested_threshold: suggested threshold of the candidate.
        curve: (threshold, agreement) of the candidate.
        media: number of pictures in the sample.
        sampled: whether that is a part of the library.
        missing: number of pictures of the library without vectors in the candidate.
        nearest_image: share of the ten nearest pictures that both spaces have in common.
        nearest_text: the same by text, None without text.
        finding: difference in search quality, None without enough labels or judgements.
    """

    active: SpaceReport
    candidate: SpaceReport
    suggested_threshold: float
    curve: tuple[tuple[float, float], ...]
    media: int
    sampled: bool
    missing: int
    nearest_image: float
    nearest_text: float | None
    finding: Finding | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def compare(
    services: Services,
    name: str,
    *,
    most_media: int = MOST_MEDIA,
    source: Source | None = None,
    actor: str,
    on_progress: OnProgress = lambda _stage, _done, _all: None,
) -> Comparison:
    """Compare a space with the active one, and store the result with it. Changes nothing else. Memory is bounded by the sample, the number
    of groups, and the vectors of labelled pictures.

    `source` names the labels to evaluate by, None for the first with enough data.

    Raises:
        NotFound: the space does not exist.
        Conflict: it is the active one, or has no vectors.
        InputError, FileUnreadable: the named labels are invalid.
    """
    with services.database.transaction() as session:
        candidate, active = get_space(session, name), get_active_space(session)
        if candidate.is_active:
            raise Conflict(f"Space '{name}' is the active one.", hint="Name a different space to compare with it.")
    align(services, candidate)
    with services.database.transaction() as session:
        begin_snapshot(session)
        sample = _read_sample(session, services, active, candidate, most_media)
    if not len(sample.grouping.media_ids):
        raise Conflict(f"Space '{name}' has no vectors yet.", hint=f"Run `mediacluster space fill {name}`.")
    comparison = _compare(sample, active, candidate, lambda done, total: on_progress("thresholds", done, total))
    comparison = replace(comparison, finding=_find(services, name, source, on_progress))
    with services.database.transaction() as session:
        start_fill(session, candidate.id, actor)
        record_comparison(session, candidate.id, comparison.to_json())
    return comparison


def _find(services: Services, name: str, source: Source | None, on_progress: OnProgress) -> Finding | None:
    try:
        return find_difference(services, name, source, on_progress)
    except InputError:
        # The labels were not named by the caller, so too few of them must not fail the comparison.
        if source is not None:
            raise
        return None


@dataclass(frozen=True, eq=False)
class _Sample:
    """Whole groups with their vectors in both spaces, and the separating threshold of the candidate, computed from all groups."""

    grouping: StoredGrouping
    sampled: bool
    missing: int
    threshold: float
    here: NDArray[np.float32]
    there: NDArray[np.float32]
    words: tuple[NDArray[np.float32], NDArray[np.float32]] | None
    separating: float

    def library(self, embeddings: NDArray[np.float32]) -> Library:
        known = self.grouping
        links = frozenset((one, other) for one, other, _ in known.cannot_links)
        return Library(embeddings, known.clusters, known.fixed, known.locked, known.anchored, links)


def _compare(sample: _Sample, active: Space, candidate: Space, on_progress: Callable[[int, int], None]) -> Comparison:
    tried = list(dict.fromkeys(_candidates(sample.separating)))
    clusters = sample.grouping.clusters
    here = _report(
        sample, sample.library(sample.here), active.name, sample.threshold, _separation(sample.here, clusters)
    )
    separation = _separation(sample.there, clusters)
    reports = []
    for done, threshold in enumerate(tried, start=1):
        report = _report(sample, sample.library(sample.there), candidate.name, threshold, separation)
        reports.append(report)
        on_progress(done, len(tried))
    # Among equals, `max` takes the first, which is nearest to the separating threshold.
    best = max(reports, key=lambda report: report.agreement)
    rows = np.sort(np.random.default_rng(_SEED).permutation(len(sample.here))[:_QUERIES])
    return Comparison(
        active=here,
        candidate=best,
        suggested_threshold=best.threshold,
        curve=tuple(sorted((report.threshold, report.agreement) for report in reports)),
        media=len(sample.here),
        sampled=sample.sampled,
        missing=sample.missing,
        nearest_image=neighbour_agreement(sample.here, sample.there, rows, _K),
        nearest_text=None if sample.words is None else _text_agreement(*sample.words),
    )


def _candidates(separating: float) -> Iterator[float]:
    """Thresholds to try, nearest to the separating one first."""
    for step in sorted(_STEPS, key=abs):
        yield round(float(np.clip(separating + step, 0.01, 1.0)), 3)


def _report(sample: _Sample, library: Library, name: str, threshold: float, separation: float) -> SpaceReport:
    regrouped = rerun(library, threshold)
    before, after = sample.grouping.clusters, regrouped.renaming.clusters
    changed = set(before[before != after].tolist()) | (set(after[before != after].tolist()) & set(before.tolist()))
    curated = sample.grouping.fixed
    return SpaceReport(
        name=name,
        threshold=threshold,
        groups=len(np.unique(after)),
        agreement=adjusted_rand_index(before.tolist(), after.tolist()),
        curated_agreement=adjusted_rand_index(before[curated].tolist(), after[curated].tolist())
        if curated.any()
        else None,
        changed_groups=len(changed) / len(np.unique(before)),
        moved=len(regrouped.renaming.changed),
        separation=separation,
    )


def _text_agreement(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    rows = np.sort(np.random.default_rng(_SEED).permutation(len(one))[:_QUERIES])
    return neighbour_agreement(one, other, rows, _K)


def _read_sample(session: Session, services: Services, active: Space, candidate: Space, most_media: int) -> _Sample:
    grouping = read_grouping(session, active.id)
    there = list_embedded(session, candidate.id)
    known = np.array([media_id in there for media_id in grouping.media_ids], dtype=np.bool_)
    rows = np.flatnonzero(known)
    rows = rows[_whole_groups(grouping.clusters[rows], most_media)]
    part = replace(
        grouping,
        media_ids=[grouping.media_ids[row] for row in rows.tolist()],
        clusters=grouping.clusters[rows],
        fixed=grouping.fixed[rows],
    )
    return _Sample(
        grouping=part,
        sampled=len(rows) < int(known.sum()),
        missing=int((~known).sum()),
        threshold=get_threshold(session, active.id, services.settings.threshold),
        here=load_embeddings(session, active.id, part.media_ids, active.image_dimension),
        there=load_embeddings(session, candidate.id, part.media_ids, candidate.image_dimension),
        words=load_text_pairs(session, active.id, candidate.id, part.media_ids),
        separating=_separating(list_fits(session, candidate.id)),
    )


def _whole_groups(clusters: NDArray[np.int64], most_media: int) -> NDArray[np.int64]:
    """Rows of random groups (fixed seed) until `most_media` pictures are reached, in order."""
    groups, inverse, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
    if len(clusters) <= most_media:
        return np.arange(len(clusters))
    drawn = np.random.default_rng(_SEED).permutation(len(groups))
    enough = int(np.searchsorted(np.cumsum(sizes[drawn]), most_media)) + 1
    return np.flatnonzero(np.isin(inverse, drawn[:enough]))


def _separating(fits: Fits) -> float:
    if not len(fits.own):
        return 1.0
    own = own_without_itself(fits.own, fits.sizes, fits.sum_lengths)
    return separating_threshold(own, fits.other, fits.first).threshold


def _separation(vectors: NDArray[np.float32], clusters: NDArray[np.int64]) -> float:
    """Share of decisions reproduced at the separating threshold, by the centroids of these groups."""
    groups, inverse, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
    sums = np.zeros((len(groups), vectors.shape[1]))
    np.add.at(sums, inverse, vectors)
    lengths = np.linalg.norm(sums, axis=1)
    units = (sums / lengths[:, None]).astype(np.float32)
    own, other = np.empty(len(vectors)), np.empty(len(vectors))
    for start in range(0, len(vectors), _BLOCK):
        block = slice(start, start + _BLOCK)
        similarity = vectors[block] @ units.T
        indexes = np.arange(len(similarity)), inverse[block]
        own[block] = similarity[indexes]
        similarity[indexes] = -1.0
        other[block] = similarity.max(axis=1)
    first = np.zeros(len(vectors), dtype=np.bool_)
    first[np.unique(inverse, return_index=True)[1]] = True
    return separating_threshold(own_without_itself(own, sizes[inverse], lengths[inverse]), other, first).agreement
