"""The operations page: queue, workers, failures and storage. Reads a fixed number of cheap statements, whatever the size of the
library, and asks the broker for nothing."""

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit
from urllib.request import url2pathname
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request, Response

from backend.doorbell import Work
from backend.errors import BackendUnavailable
from backend.features.operations import pause_processing, resume_processing, retry_code, retry_media
from backend.features.services import Services
from backend.files.storage import possible_keys
from backend.store.evaluation import find_last_recall_audit
from backend.store.operations import (
    KEPT_DAYS,
    MOST_COUNTED,
    Pace,
    PauseState,
    QueueDepth,
    RelationSize,
    Sample,
    Scale,
    WorkerState,
    find_last_sample,
    find_pause,
    list_failures,
    list_newest_checksums,
    list_samples,
    list_sizes,
    list_workers,
    read_depth,
    read_pace,
    read_scale,
)
from backend.store.schema import RecallAudit
from backend.store.spaces import find_active_space
from backend.web.api.dependencies import ServicesDependency
from backend.web.pages.failures import group_failures
from backend.web.pages.formatting import counted
from backend.web.pages.routes.curation import CuratorDependency
from backend.web.pages.templating import render
from backend.web.pages.timelines import Chart, Span, Tick, make_chart, time_ticks

router = APIRouter()

_PACE_SECONDS = 300.0
_SILENT_SECONDS = 180.0
_FAILURES_EACH = 12
_TABLES_SHOWN = 6
_AUDIT_EXPIRES_SECONDS = 3600.0
_THUMBNAILS_SAMPLED = 32


class Stretch(StrEnum):
    """Time range of the charts."""

    HOUR = "1h"
    DAY = "24h"
    WEEK = "7d"

    @property
    def seconds(self) -> float:
        return {Stretch.HOUR: 3600.0, Stretch.DAY: 86_400.0, Stretch.WEEK: 86_400.0 * KEPT_DAYS}[self]

    @property
    def step_seconds(self) -> float:
        """Time between two points, so that there are 60 to 170 of them."""
        return {Stretch.HOUR: 60.0, Stretch.DAY: 900.0, Stretch.WEEK: 3600.0}[self]


@dataclass(frozen=True)
class Live:
    """What changes from second to second.

    Attributes:
        depth: number of waiting tasks.
        pace: pictures processed recently.
        workers: the workers.
        pause: None unless processing is paused.
        last_sample: time of the last sample that a sweep recorded.
    """

    depth: QueueDepth
    pace: Pace
    workers: list[WorkerState]
    pause: PauseState | None
    last_sample: datetime | None

    @property
    def is_silent(self) -> bool:
        if self.last_sample is None:
            return True
        return (self.depth.read_at - self.last_sample).total_seconds() > _SILENT_SECONDS

    @property
    def living(self) -> int:
        return sum(worker.is_alive for worker in self.workers)

    def waiting_seconds(self, since: datetime | None) -> float | None:
        """Seconds that the oldest has waited."""
        return None if since is None else (self.depth.read_at - since).total_seconds()


@dataclass(frozen=True)
class Charts:
    """The charts of one time range, and the samples that they are drawn from."""

    stretch: Stretch
    start: datetime
    samples: list[Sample]
    charts: tuple[Chart, ...]
    ticks: list[Tick]


@dataclass(frozen=True)
class Room:
    """What changes slowly.

    Attributes:
        scale: number of pictures, and sizes of the database and the originals.
        sizes: sizes of tables and indexes.
        audit: last measurement of the recall.
        disk: free and total bytes of the storage's disk, None if the storage is not a local folder.
        thumbnail_bytes: estimated size of all thumbnails.
        is_asked: whether a worker was just asked to measure the recall.
    """

    scale: Scale
    sizes: list[RelationSize]
    audit: RecallAudit | None
    disk: tuple[int, int] | None
    thumbnail_bytes: int | None
    is_asked: bool


StretchQuery = Annotated[Stretch, Query(alias="range")]


@router.get("/operations")
def show_operations(request: Request, services: ServicesDependency, stretch: StretchQuery = Stretch.HOUR) -> Response:
    with services.database.transaction() as session:
        failures = group_failures(list_failures(session, _FAILURES_EACH))
    return render(
        request,
        "operations.html",
        active="operations",
        live=_read_live(services),
        most=MOST_COUNTED,
        failures=failures,
        shown=_read_charts(services, stretch),
        stretches=list(Stretch),
        room=_read_room(services),
    )


@router.get("/operations/live")
def show_live(request: Request, services: ServicesDependency) -> Response:
    return render(request, "partials/operations_live.html", live=_read_live(services), most=MOST_COUNTED)


@router.get("/operations/charts")
def show_charts(request: Request, services: ServicesDependency, stretch: StretchQuery = Stretch.HOUR) -> Response:
    return render(
        request, "partials/operations_charts.html", shown=_read_charts(services, stretch), stretches=list(Stretch)
    )


@router.get("/operations/room")
def show_room(request: Request, services: ServicesDependency) -> Response:
    """Show storage, table sizes and recall."""
    return render(request, "partials/operations_room.html", room=_read_room(services))


@router.get("/operations/failures")
def show_failures(request: Request, services: ServicesDependency) -> Response:
    return _failures(request, services)


@router.post("/operations/retry")
def do_retry(
    request: Request,
    services: ServicesDependency,
    actor: CuratorDependency,
    media_id: Annotated[UUID | None, Form()] = None,
    code: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """Retry one picture, or all with an error code."""
    count = (
        retry_code(services, code, actor=actor) if media_id is None else retry_media(services, [media_id], actor=actor)
    )
    return _failures(request, services, f"{counted(count, 'picture')} queued for another try")


@router.post("/operations/pause")
def do_pause(request: Request, services: ServicesDependency, actor: CuratorDependency) -> Response:
    pause_processing(services, actor=actor)
    return show_live(request, services)


@router.post("/operations/resume")
def do_resume(request: Request, services: ServicesDependency, actor: CuratorDependency) -> Response:
    resume_processing(services, actor=actor)
    return show_live(request, services)


@router.post("/operations/audit")
def do_audit(request: Request, services: ServicesDependency) -> Response:
    """Ask a worker to measure the recall. Raises BackendUnavailable if no worker can be reached."""
    if not services.doorbell.ring(Work.AUDIT, expires_seconds=_AUDIT_EXPIRES_SECONDS):
        raise BackendUnavailable("The broker cannot be reached.", hint="Start Redis, then try again.")
    return render(request, "partials/operations_room.html", room=_read_room(services, is_asked=True))


def _failures(request: Request, services: Services, message: str = "") -> Response:
    with services.database.transaction() as session:
        failures = group_failures(list_failures(session, _FAILURES_EACH))
    return render(request, "partials/operations_failures.html", failures=failures, message=message)


def _read_live(services: Services) -> Live:
    with services.database.transaction() as session:
        return Live(
            read_depth(session),
            read_pace(session, _PACE_SECONDS),
            list_workers(session),
            find_pause(session),
            find_last_sample(session),
        )


def _read_charts(services: Services, stretch: Stretch) -> Charts:
    with services.database.transaction() as session:
        samples = list_samples(session, stretch.seconds, stretch.step_seconds)
    start = datetime.now(UTC) - timedelta(seconds=stretch.seconds)
    span = Span(start, stretch.seconds, stretch.step_seconds)
    charts = (
        make_chart(
            "waiting",
            "Waiting",
            "pictures",
            samples,
            span,
            (
                ("To fetch", 1, lambda one: one.fetching),
                ("To embed", 2, lambda one: one.pending),
                ("To group", 3, lambda one: one.embedded),
            ),
        ),
        make_chart(
            "pace",
            "Done a minute",
            "pictures a minute",
            samples,
            span,
            (
                ("Uploaded", 4, lambda one: one.uploads),
                ("Embedded", 5, lambda one: one.embeddings),
                ("Grouped", 6, lambda one: one.groupings),
            ),
        ),
        make_chart(
            "stages",
            "Time a stage takes",
            "seconds, median",
            samples,
            span,
            (
                ("Upload to embedding", 7, lambda one: one.embed_seconds),
                ("Embedding to group", 8, lambda one: one.group_seconds),
            ),
        ),
    )
    return Charts(stretch, start, samples, charts, time_ticks(span))


def _read_room(services: Services, *, is_asked: bool = False) -> Room:
    with services.database.transaction() as session:
        space = find_active_space(session)
        audit = None if space is None else find_last_recall_audit(session, space.id)
        scale, sizes = read_scale(session), list_sizes(session, _TABLES_SHOWN)
        sampled = list_newest_checksums(session, _THUMBNAILS_SAMPLED)
    return Room(
        scale, sizes, audit, _read_disk(services), _estimate_thumbnails(services, sampled, scale.media), is_asked
    )


def _estimate_thumbnails(services: Services, checksums: list[bytes], media: int) -> int | None:
    """Extrapolate from a sample. None without pictures, or if the storage is not a local folder, where a look-up costs a request."""
    sizes = []
    for checksum in checksums:
        keys = chain.from_iterable(possible_keys(checksum))
        paths = [services.storage.local_path(key) for key in keys]
        sizes.append(sum(path.stat().st_size for path in paths if path is not None))
    known = [size for size in sizes if size]
    return round(sum(known) / len(known) * max(media, len(known))) if known else None


def _read_disk(services: Services) -> tuple[int, int] | None:
    """Free and total bytes of the storage's disk, None if the storage is not a local folder."""
    parts = urlsplit(services.settings.resolved_storage_url)
    if parts.scheme not in {"", "file"}:
        return None
    folder = Path(url2pathname(parts.path))
    while not folder.exists():
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    return usage.free, usage.total
