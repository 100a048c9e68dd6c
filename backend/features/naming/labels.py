"""Refresh of group labels and representatives after changes of members or their text.

Groups are read, labelled and written in chunks, in short transactions. No membership or centroid is written, so assigner and labeller
do not block each other.
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from backend.errors import ConfigurationError
from backend.features.naming.vocabulary import Vocabulary, open_vocabulary
from backend.features.services import Services
from backend.rules.naming import (
    ClusterTerms,
    MemberText,
    TermStatistics,
    label_by_terms,
    label_of_single,
    nearest_words,
    read_terms,
)
from backend.store.groups import (
    UNNAMED,
    LabelWork,
    NewLabel,
    RecordedLabels,
    count_all_members,
    find_label_statistics,
    get_centroid_version,
    has_unlabelled,
    list_centroids,
    list_clusters_of,
    list_label_work,
    list_member_texts,
    list_nearest_members,
    lock_labeller,
    record_label_statistics,
    record_labelled_version,
    record_labels,
    try_lock_labeller,
)
from backend.store.schema import Space
from backend.store.spaces import find_active_space

logger = logging.getLogger(__name__)

_CHUNK = 200
# If the library has grown or shrunk by this factor since its words were counted, all groups are labelled again.
_GROWTH = 1.25


@dataclass(frozen=True)
class LabelReport:
    """Result of a run.

    Attributes:
        clusters: number of groups processed.
        labels: number of labels that changed.
        representatives: number of representatives that changed.
        unnamed: groups without text that have no label because no encoder was available.
        left: groups left for the next run.
        seconds: duration.
        note: a remark, None if there is none.
    """

    clusters: int = 0
    labels: int = 0
    representatives: int = 0
    unnamed: int = 0
    left: int = 0
    seconds: float = 0.0
    note: str | None = None


def refresh_labels(
    services: Services,
    *,
    only: Sequence[int] | None = None,
    everything: bool = False,
    budget_seconds: float | None = None,
    wait: bool = False,
) -> LabelReport:
    """Label the groups of the active space whose members changed. If the library changed a lot, label all.

    Args:
        services: services of the process. Encoders are loaded only for groups without text.
        only: label exactly these groups, changed or not.
        everything: count the words of the library again and label all groups.
        budget_seconds: do not start another chunk after this time.
        wait: wait for another process that is labelling, instead of leaving the work to it.
    """
    started = time.monotonic()
    # This transaction only holds the lock, while others come and go.
    with services.database.transaction() as guard:
        if wait:
            lock_labeller(guard)
        elif not try_lock_labeller(guard):
            return LabelReport(note="Another process is already labelling groups.")
        with services.database.transaction() as session:
            space = find_active_space(session)
        if space is None:
            return LabelReport(note="There is no active space yet.")
        run = _Run(services, space, started, budget_seconds)
        report = run.refresh(only, everything=everything)
    return replace(report, seconds=round(time.monotonic() - started, 3))


class _Run:
    """One run over one space. Opens the vocabulary when the first group without text needs it."""

    def __init__(self, services: Services, space: Space, started: float, budget_seconds: float | None) -> None:
        self._services = services
        self._space = space
        self._started = started
        self._budget_seconds = budget_seconds
        self._vocabulary: Vocabulary | None = None
        self._no_vocabulary: str | None = None

    def refresh(self, only: Sequence[int] | None, *, everything: bool) -> LabelReport:
        with self._services.database.transaction() as session:
            version = get_centroid_version(session, self._space.id)
            stored = find_label_statistics(session, self._space.id)
            is_done = (
                stored is not None
                and stored.centroid_version == version
                and not has_unlabelled(session, self._space.id)
            )
            members = count_all_members(session, self._space.id)
        if is_done and only is None and not everything:
            return LabelReport()
        if stored is None or everything or _moved(stored.media_count, members):
            statistics = self._count(members)
        else:
            statistics = TermStatistics.from_json(stored.content)
        with self._services.database.transaction() as session:
            work = list_label_work(session, self._space.id, only)
        report = self._label_all(work, statistics)
        if only is None and not report.left:
            with self._services.database.transaction() as session:
                record_labelled_version(session, self._space.id, version)
        return report

    def _count(self, members: int) -> TermStatistics:
        with self._services.database.transaction() as session:
            cluster_ids = list_clusters_of(session, self._space.id)
        statistics = TermStatistics.count(self._terms_of(cluster_ids))
        with self._services.database.transaction() as session:
            record_label_statistics(session, self._space.id, statistics.to_json(), members)
        return statistics

    def _terms_of(self, cluster_ids: Sequence[int]) -> Iterator[ClusterTerms]:
        for start in range(0, len(cluster_ids), _CHUNK):
            with self._services.database.transaction() as session:
                texts = list_member_texts(session, cluster_ids[start : start + _CHUNK])
            yield from (read_terms(members) for members in texts.values())

    def _label_all(self, work: Sequence[LabelWork], statistics: TermStatistics) -> LabelReport:
        labels = representatives = unnamed = left = looked_at = 0
        for start in range(0, len(work), _CHUNK):
            if self._is_over:
                left += len(work) - start
                break
            chunk = work[start : start + _CHUNK]
            new, recorded = self._label_chunk(chunk, statistics)
            looked_at += len(chunk)
            unnamed += sum(one.label is None for one in new)
            labels += recorded.labels
            representatives += recorded.representatives
            left += recorded.passed_by
        note = f"{unnamed} groups without text stay as they are: {self._no_vocabulary}" if unnamed else None
        if note:
            logger.warning(note)
        return LabelReport(looked_at, labels, representatives, unnamed, left, note=note)

    def _label_chunk(
        self, work: Sequence[LabelWork], statistics: TermStatistics
    ) -> tuple[list[NewLabel], RecordedLabels]:
        ids = [one.cluster_id for one in work]
        with self._services.database.transaction() as session:
            texts = list_member_texts(session, ids)
            nearest = list_nearest_members(session, self._space.id, ids)
        labels: dict[int, str | None] = dict(zip(ids, _labels_by_words(texts, ids, statistics), strict=True))
        labels.update(self._labels_by_sight([cluster_id for cluster_id in ids if not labels[cluster_id]]))
        new = [
            NewLabel(
                one.cluster_id,
                label := labels[one.cluster_id],
                nearest.get(one.cluster_id),
                UNNAMED if label is None else one.members,
            )
            for one in work
        ]
        with self._services.database.transaction() as session:
            return new, record_labels(session, new)

    def _labels_by_sight(self, cluster_ids: Sequence[int]) -> dict[int, str | None]:
        """Labels of groups whose members have no text, by the vocabulary word nearest to their centroid. None without an encoder."""
        labels: dict[int, str | None] = dict.fromkeys(cluster_ids)
        vocabulary = self._open_vocabulary() if cluster_ids else None
        if vocabulary is None:
            return labels
        with self._services.database.transaction() as session:
            found, centroids = list_centroids(session, self._space.id, cluster_ids)
        if found:
            labels.update(zip(found, nearest_words(centroids, vocabulary.vectors, vocabulary.words), strict=True))
        return labels

    def _open_vocabulary(self) -> Vocabulary | None:
        if self._vocabulary is None and self._no_vocabulary is None:
            try:
                self._vocabulary = open_vocabulary(self._services, self._space)
            except ConfigurationError as error:
                self._no_vocabulary = str(error)
        return self._vocabulary

    @property
    def _is_over(self) -> bool:
        return self._budget_seconds is not None and time.monotonic() - self._started > self._budget_seconds


def _labels_by_words(
    texts: Mapping[int, Sequence[MemberText]], cluster_ids: Sequence[int], statistics: TermStatistics
) -> list[str]:
    terms = [read_terms(texts[cluster_id]) for cluster_id in cluster_ids]
    labels = label_by_terms(terms, statistics)
    for index, cluster_id in enumerate(cluster_ids):
        if len(texts[cluster_id]) == 1:
            labels[index] = label_of_single(texts[cluster_id][0], terms[index], labels[index])
    return labels


def _moved(before: int, now: int) -> bool:
    return not before / _GROWTH <= now <= before * _GROWTH
