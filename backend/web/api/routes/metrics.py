"""Prometheus metrics, counted in the database on each scrape, so that every API process reports the same values."""

from collections.abc import Iterator, Mapping
from itertools import accumulate

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from backend.features.search import VectorSource
from backend.store.engine import Database, PoolFigures
from backend.store.schema import RecallAudit
from backend.store.search import ScanFigures
from backend.store.telemetry import Histogram, LibraryFigures, Measure, fetch_library_figures
from backend.web.middleware.problems import documented

router = APIRouter(tags=["health"])


class LibraryCollector(Collector):
    """Prometheus collector that reads the metrics of one library."""

    def __init__(self, database: Database, vectors: VectorSource) -> None:
        self._database = database
        self._vectors = vectors

    def collect(self) -> Iterator[Metric]:
        with self._database.transaction() as session:
            metrics = list(_metrics(fetch_library_figures(session)))
        yield from metrics
        yield _pool(self._database.pool_figures())
        yield from _scan(self._vectors.figures())

    def describe(self) -> list[Metric]:
        # Called at registration. An empty list keeps prometheus_client from running `collect` then.
        return []


def make_registry(database: Database, vectors: VectorSource) -> CollectorRegistry:
    """Create the registry of one application. The default registry of prometheus_client is shared by the whole process."""
    registry = CollectorRegistry()
    registry.register(LibraryCollector(database, vectors))
    return registry


@router.get(
    "/metrics",
    operation_id="get_metrics",
    summary="Figures for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **documented("backend_unavailable")},
)
def get_metrics(request: Request) -> Response:
    """Prometheus text format. Values are read from the database on each request."""
    registry = request.app.state.metrics
    assert isinstance(registry, CollectorRegistry)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)


def _metrics(figures: LibraryFigures) -> Iterator[Metric]:
    yield _labelled("mediacluster_media", "Pictures by status.", "status", figures.media)
    yield _labelled(
        "mediacluster_queue_depth", "Pictures ready to be processed now, by step.", "step", vars(figures.waiting)
    )
    yield _plain(
        "mediacluster_oldest_pending_seconds",
        "Age of the oldest picture that is not processed yet; 0 if all are.",
        figures.oldest_pending_seconds,
    )
    yield _labelled(
        "mediacluster_queue_age_seconds",
        "How long the oldest picture waiting for a step has waited.",
        "step",
        figures.waiting_seconds,
    )
    yield _labelled("mediacluster_failures", "Failed pictures, by code.", "code", figures.failures)
    yield _plain("mediacluster_lock_waiters", "Connections waiting for an advisory lock.", figures.lock_waiters)
    yield from _histograms(figures.histograms)
    yield _plain("mediacluster_clusters", "Groups of the active space.", figures.clusters)
    yield _labelled(
        "mediacluster_space_waiting",
        "Pictures waiting to be embedded into a space that is kept up to date.",
        "space",
        figures.space_waiting,
    )
    yield _labelled(
        "mediacluster_space_failures",
        "Pictures that could not be embedded into a space.",
        "space",
        figures.space_failures,
    )
    yield _labelled(
        "mediacluster_background_age_seconds",
        "Since the background that words, pictures or captions are calibrated by was sampled.",
        "kind",
        figures.background_ages_seconds,
    )
    if figures.audit is not None:
        yield from _recall(figures.audit)


def _recall(audit: RecallAudit) -> Iterator[Metric]:
    of_last = f"by the last `mediacluster audit --recall`, recall@{audit.k}."
    yield _labelled("mediacluster_search_recall", f"Of search_media, {of_last}", "alpha", audit.fused)
    yield _labelled(
        "mediacluster_fused_index_recall", f"Of the fused index alone, {of_last}", "alpha", audit.fused_index
    )
    yield _labelled("mediacluster_leg_recall", f"Of the index of one leg, {of_last}", "leg", audit.legs)
    yield _plain("mediacluster_recall_audit_k", "How many hits the last audit compared.", audit.k)
    yield _plain("mediacluster_recall_audit_sampled", "How many pictures the last audit asked for.", audit.sampled)
    yield _plain(
        "mediacluster_recall_audit_timestamp_seconds", "When it was, in Unix time.", audit.audited_at.timestamp()
    )


def _histograms(histograms: Mapping[Measure, Histogram]) -> Iterator[Metric]:
    stages = HistogramMetricFamily(
        "mediacluster_stage_seconds", "How long a stage of the pipeline took.", labels=["stage"]
    )
    for stage in (Measure.FETCH, Measure.DECODE, Measure.ENCODE, Measure.RECORD, Measure.ASSIGN):
        stages.add_metric([stage.value], buckets=_buckets(histograms[stage]), sum_value=histograms[stage].total)
    yield stages
    for measure, name, description in (
        (Measure.UPLOAD_TO_READY, "mediacluster_upload_to_ready_seconds", "From the upload to its group."),
        (Measure.ASSIGN_BATCH, "mediacluster_assign_batch_size", "Pictures assigned in one transaction."),
        (Measure.LOCK_WAIT, "mediacluster_lock_wait_seconds", "How long an edit waited for the assigner's lock."),
    ):
        found = histograms[measure]
        yield HistogramMetricFamily(name, description, buckets=_buckets(found), sum_value=found.total)


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    """Cumulative buckets, as Prometheus expects."""
    bounds = [*map(str, histogram.bounds), "+Inf"]
    return list(zip(bounds, accumulate(histogram.counts), strict=True))


def _pool(figures: PoolFigures) -> Metric:
    return _labelled(
        "mediacluster_pool_connections",
        "Connections to the database of the process that answers.",
        "state",
        vars(figures),
    )


def _scan(figures: ScanFigures) -> Iterator[Metric]:
    of_process = "of the vector service, without one of the process that answers; 0 where it has none."
    yield _plain("mediacluster_vector_scan_media", f"Pictures in the vector scan {of_process}", figures.media)
    yield _plain("mediacluster_vector_scan_bytes", f"Memory of the vector scan {of_process}", figures.memory_bytes)
    yield _plain(
        "mediacluster_vector_scan_age_seconds",
        f"Since the last query caught up with the table, {of_process}",
        figures.age_seconds,
    )


def _plain(name: str, description: str, value: float) -> Metric:
    return GaugeMetricFamily(name, description, value=value)


def _labelled(name: str, description: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, description, labels=[label])
    for value, figure in values.items():
        family.add_metric([value], figure)
    return family
