"""The review queue: computed from the whole library, read in pages."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np

from backend.features.search import BackgroundKind, open_backgrounds
from backend.features.services import Services
from backend.rules.review import (
    BOUNDS,
    QUEUES,
    Floats,
    ReviewKind,
    Rows,
    incoherence_bound,
    measure_cohesion,
    most_urgent,
    near_centroids,
    robust_z,
)
from backend.rules.search import Backgrounds
from backend.store.engine import begin_snapshot
from backend.store.groups import get_centroid_version, list_cannot_links
from backend.store.review import (
    MemberFacts,
    NewItem,
    OpenCentroids,
    QueuedItem,
    count_items,
    list_items,
    list_member_facts,
    list_remembered,
    load_open_centroids,
    lock_review,
    read_refresh_state,
    replace_items,
)
from backend.store.schema import Space
from backend.store.spaces import find_active_space, get_threshold

# For so few pictures, computing the queue takes a moment, so it is updated on reading.
_SMALL_LIBRARY = 5000
# Kinds whose reason remains after an item is accepted.
_ACCEPTED_STAYS = tuple(kind.value for kind, queue in QUEUES.items() if not queue.is_settled_by_acceptance)


@dataclass(frozen=True)
class ReviewPage:
    """A page of items of one kind, most urgent first, with the number of items of every kind.

    `is_stale` means that groups have changed since `refreshed_at`: outdated items are omitted, but new ones are still missing.
    """

    items: list[QueuedItem]
    next_after: tuple[float, str] | None
    counts: dict[ReviewKind, int]
    refreshed_at: datetime | None
    is_stale: bool


def read_queue(
    services: Services, kind: ReviewKind, *, after: tuple[float, str] | None = None, limit: int
) -> ReviewPage:
    """Read a page of the queue. `after` is (urgency, subject) of the last item on the previous page. In a small library, an
    outdated queue is computed again first: its rows are derived, so reading may write them (decision 33)."""
    with services.database.transaction() as session:
        space = find_active_space(session)
        if space is None:
            return ReviewPage([], None, dict.fromkeys(ReviewKind, 0), None, is_stale=False)
        state = read_refresh_state(session, space.id)
    if state.is_stale and state.media_count <= _SMALL_LIBRARY:
        refresh_queue(services)
    with services.database.transaction() as session:
        rows = list_items(session, space.id, kind, after=after, limit=limit + 1)
        counts = count_items(session, space.id)
        state = read_refresh_state(session, space.id)
    page = rows[:limit]
    return ReviewPage(
        page,
        (page[-1].urgency, page[-1].subject) if len(rows) > limit else None,
        {one: counts.get(one, 0) for one in ReviewKind},
        state.refreshed_at,
        state.is_stale,
    )


def explain(item: QueuedItem) -> str:
    """Why an item is in the queue, as a sentence with its figures."""
    return QUEUES[ReviewKind(item.kind)].explain(item.figures)


def count_queues(services: Services) -> dict[ReviewKind, int]:
    """Number of current items by kind."""
    with services.database.transaction() as session:
        space = find_active_space(session)
        counts = {} if space is None else count_items(session, space.id)
    return {kind: counts.get(kind, 0) for kind in ReviewKind}


def refresh_queue(services: Services) -> int:
    """Compute the queue again from all memberships and centroids. Returns the number of items.

    Facts are read in one transaction and written in another, which holds the lock only for writing. Decisions in between are respected.
    """
    with services.database.transaction() as session:
        space = find_active_space(session)
        if space is None:
            return 0
        backgrounds = open_backgrounds(session, space, BackgroundKind.WORDS)
    with services.database.transaction() as session:
        begin_snapshot(session)
        version = get_centroid_version(session, space.id)
        threshold = get_threshold(session, space.id, services.settings.threshold)
        members = list_member_facts(session, space.id)
        centroids = load_open_centroids(session, space.id, space.image_dimension)
        apart = {(a, b) for a, b, _ in list_cannot_links(session)}
    library = _Library(members, centroids, apart, backgrounds, threshold)
    items = [item for kind in ReviewKind for item in _FINDERS[kind](library)] if members else []
    return _write(services, space, version, items)


def _write(services: Services, space: Space, version: int, items: list[NewItem]) -> int:
    with services.database.transaction() as session:
        lock_review(session)
        remembered = list_remembered(session, _ACCEPTED_STAYS)
        wanted = [
            item
            for item in items
            if item.urgency
            > remembered.get((item.kind, item.subject), -math.inf) + QUEUES[ReviewKind(item.kind)].material_change
        ]
        replace_items(session, space.id, version, wanted)
    return len(wanted)


@dataclass(frozen=True, eq=False)
class _Library:
    """Facts to find items in. `apart` are pairs of groups that a curator keeps apart, smaller id first."""

    members: list[MemberFacts]
    centroids: OpenCentroids
    apart: set[tuple[int, int]]
    backgrounds: Backgrounds | None
    threshold: float

    @cached_property
    def to_centroid(self) -> Floats:
        return np.array([one.to_centroid for one in self.members])

    @cached_property
    def cluster_ids(self) -> Rows:
        return np.array([one.cluster_id for one in self.members])


def _small_margins(library: _Library) -> Iterator[NewItem]:
    members = library.members
    margins = np.array([one.margin if one.automatic and one.margin is not None else np.nan for one in members])
    for index in most_urgent(-margins, -BOUNDS.margin):
        one = members[index]
        yield NewItem(
            ReviewKind.SMALL_MARGIN,
            _media_subject(one),
            -float(margins[index]),
            one.cluster_id,
            _figures(
                similarity=one.similarity,
                margin=one.margin,
                threshold=one.threshold,
                runner_up_similarity=one.runner_up_similarity,
                founder=float(one.founder),
            ),
            one.media_id,
            one.runner_up_cluster_id,
        )


def _outliers(library: _Library) -> Iterator[NewItem]:
    members = library.members
    z, medians = robust_z(library.to_centroid, library.cluster_ids, BOUNDS)
    automatic = np.array([one.automatic for one in members])
    for index in most_urgent(np.where(automatic, -z, np.nan), BOUNDS.outlier_z):
        one = members[index]
        yield NewItem(
            ReviewKind.OUTLIER,
            _media_subject(one),
            -float(z[index]),
            one.cluster_id,
            _figures(
                similarity=one.to_centroid,
                typical_similarity=float(medians[index]),
                robust_z=float(z[index]),
                runner_up_similarity=one.runner_up_similarity,
            ),
            one.media_id,
            one.runner_up_cluster_id,
        )


def _caption_disagreements(library: _Library) -> Iterator[NewItem]:
    members = library.members
    background = None if library.backgrounds is None else library.backgrounds.image
    if background is None:
        return
    similarities = np.array([one.caption_similarity for one in members], dtype=np.float64)
    scores = background.calibrate(similarities)
    typical = float(np.nanmedian(similarities)) if not np.isnan(similarities).all() else None
    indexes = most_urgent(-scores, -BOUNDS.caption_normal_score)
    for index, share in zip(indexes, background.percentile(similarities[indexes]), strict=True):
        one = members[index]
        yield NewItem(
            ReviewKind.CAPTION_DISAGREEMENT,
            _media_subject(one),
            -float(scores[index]),
            one.cluster_id,
            _figures(similarity=float(similarities[index]), typical_similarity=typical, percentile=float(share)),
            one.media_id,
        )


def _merge_candidates(library: _Library) -> Iterator[NewItem]:
    centroids, threshold = library.centroids, library.threshold
    first, second, similarities = near_centroids(centroids.centroids, threshold - BOUNDS.merge_reach)
    ids, sizes = centroids.cluster_ids, centroids.sizes
    for a, b, similarity in zip(first, second, similarities, strict=True):
        # Rows are ordered by id, so a < b.
        if (int(ids[a]), int(ids[b])) in library.apart:
            continue
        smaller, larger = (b, a) if sizes[a] >= sizes[b] else (a, b)
        yield NewItem(
            ReviewKind.MERGE_CANDIDATE,
            f"{ids[a]}:{ids[b]}",
            float(similarity) - threshold,
            int(ids[smaller]),
            _figures(similarity=float(similarity), threshold=threshold),
            other_cluster_id=int(ids[larger]),
        )


def _split_candidates(library: _Library) -> Iterator[NewItem]:
    cohesion = measure_cohesion(library.to_centroid, library.cluster_ids)
    bound = incoherence_bound(cohesion, library.threshold, BOUNDS)
    judged = (cohesion.sizes >= BOUNDS.least_members) & np.isin(cohesion.cluster_ids, library.centroids.cluster_ids)
    urgency = np.where(judged, bound - cohesion.mean_pairwise, np.nan)
    for index in most_urgent(urgency, 0.0):
        cluster_id = int(cohesion.cluster_ids[index])
        yield NewItem(
            ReviewKind.SPLIT_CANDIDATE,
            str(cluster_id),
            float(urgency[index]),
            cluster_id,
            _figures(
                mean_pairwise_similarity=float(cohesion.mean_pairwise[index]),
                mean_similarity=float(cohesion.mean_to_centroid[index]),
                bound=bound,
            ),
        )


def _media_subject(one: MemberFacts) -> str:
    return f"{one.media_id}:{one.cluster_id}"


def _figures(**figures: float | None) -> dict[str, float]:
    return {name: float(value) for name, value in figures.items() if value is not None}


# The function that finds the items of each queue.
_FINDERS: Mapping[ReviewKind, Callable[[_Library], Iterator[NewItem]]] = {
    ReviewKind.SMALL_MARGIN: _small_margins,
    ReviewKind.OUTLIER: _outliers,
    ReviewKind.CAPTION_DISAGREEMENT: _caption_disagreements,
    ReviewKind.MERGE_CANDIDATE: _merge_candidates,
    ReviewKind.SPLIT_CANDIDATE: _split_candidates,
}
