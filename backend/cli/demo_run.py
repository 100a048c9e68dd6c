"""The run of `mediacluster demo`: the whole pipeline on a gallery rendered here."""

import json
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from backend.cli.console import Table, output, progress_bar, say
from backend.cli.intake import wait_for
from backend.demo.gallery import KIND_QUERIES, write_gallery
from backend.errors import Conflict
from backend.features.intake import ImportReport, import_items, list_items, settle
from backend.features.integrity import audit
from backend.features.naming import refresh_labels
from backend.features.search import recommend
from backend.features.services import Services
from backend.features.steps import open_active_space
from backend.rules.measures import adjusted_rand_index
from backend.store.groups import count_clusters, list_memberships_by_source
from backend.store.media import count_media_by_status, has_media_from_elsewhere
from backend.store.schema import Media, MediaStatus
from backend.store.search import search_media
from backend.store.spaces import find_active_space, get_active_threshold

LABELS_FILE = ".labels.json"
_EXAMPLE_COUNT = 3


@dataclass
class DemoResult:
    """Results of the demo. `audit` is "clean" or the violations; `seconds` is the duration of each stage."""

    media: int = 0
    ready: int = 0
    failed: int = 0
    clusters: int = 0
    threshold: float = 0.0
    adjusted_rand_index: float = 0.0
    text_to_image_recall_at_1: float = 0.0
    audit: str | dict[str, list[dict[str, Any]]] = "clean"
    seconds: dict[str, float] = field(default_factory=dict)
    example: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class GalleryMember:
    """A ready picture of the gallery, with its kind of scene, and its group with its label."""

    media_id: uuid.UUID
    name: str
    kind: str
    cluster_id: int
    label: str


def run_demo(
    services: Services, count: int, *, keep_in: Path | None = None, quiet: bool
) -> tuple[DemoResult, list[GalleryMember]]:
    """Render, import, wait and measure. Workers must be running, in a home that belongs to the demo (`require_demo_home`).

    `keep_in` is a folder for rendered pictures, from which the next home takes them.
    """
    result = DemoResult()
    folder = _gallery_of(services)
    with _timed(result, "render"), progress_bar("rendering", count, quiet=quiet) as show:
        write_gallery(folder, count, keep_in=keep_in, on_progress=lambda done, _total: show(done))
    open_active_space(services)
    report = ImportReport()
    with _timed(result, "import"):
        _import_gallery(services, folder, report, quiet=quiet)
    with _timed(result, "embed and group"):
        wait_for(services, report, quiet=quiet)
    settle(services, report)
    with _timed(result, "label"):
        refresh_labels(services, everything=True, wait=True)
    with _timed(result, "measure"):
        members = _measure(services, folder, result)
    return result, members


def print_demo(result: DemoResult, members: list[GalleryMember]) -> None:
    """Print groups, figures and the example."""
    output.print(_groups_table(members))
    say(
        f"{result.ready} of {result.media} pictures are ready in {result.clusters} groups "
        f"(threshold {result.threshold}); adjusted Rand index against the kinds of scene "
        f"{result.adjusted_rand_index:.3f}; text-to-image recall@1 {result.text_to_image_recall_at_1:.3f}; "
        f"audit {result.audit if isinstance(result.audit, str) else 'not clean'}."
    )
    example = result.example
    if example:
        say("")
        say(f"Similar to '{example['title']}' ({example['media_id']}):")
        for hit in example["recommendations"]:
            words = "-" if hit["sim_text"] is None else f"{hit['sim_text']:.3f}"
            say(
                f"  {hit['combined']:.3f} = {example['alpha']} * {hit['sim_image']:.3f} "
                f"+ {1 - example['alpha']:.1f} * {words}  {hit['title']}, {hit['location']}"
            )
    timings = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in result.seconds.items())
    say("")
    say(timings)


def require_demo_home(services: Services) -> None:
    """Check that this home may be used for the demo. Call it before anything is written, and before workers create a space for the
    first pictures that they find.

    Raises:
        Conflict: its library was made with other encoders, or has pictures that wait for encoders, or its folder `gallery` was not
            written by the demo.
    """
    folder = _gallery_of(services)
    with services.database.transaction() as session:
        space = find_active_space(session)
        is_waited_for = space is None and has_media_from_elsewhere(session, str(folder.resolve()))
    if space is not None and space.preset != "demo":
        reason = f"was created with the encoders of '{space.name}'"
    elif is_waited_for:
        reason = "has pictures that are not part of the demo, and no encoders yet"
    elif folder.is_dir() and any(folder.iterdir()) and not (folder / LABELS_FILE).exists():
        reason = f"is beside {folder}, which was not written by the demo"
    else:
        return
    raise Conflict(
        f"The library in {services.settings.home_path} {reason}.",
        hint="Run the demo in a separate home: MEDIACLUSTER_HOME=.mediacluster-demo mediacluster demo.",
    )


def _gallery_of(services: Services) -> Path:
    return services.settings.home_path / "gallery"


def _import_gallery(services: Services, folder: Path, report: ImportReport, *, quiet: bool) -> None:
    items, _skipped = list_items(services, [str(folder)])
    with progress_bar("importing", len(items), quiet=quiet) as show:
        for done, _item in enumerate(import_items(services, items, report), start=1):
            show(done)


def _measure(services: Services, folder: Path, result: DemoResult) -> list[GalleryMember]:
    kinds: Mapping[str, str] = json.loads((folder / LABELS_FILE).read_text(encoding="utf-8"))
    with services.database.transaction() as session:
        counts = count_media_by_status(session)
        result.threshold = get_active_threshold(session, services.settings.threshold)
        rows = list_memberships_by_source(session, [str((folder / name).resolve()) for name in kinds])
        result.clusters = count_clusters(session)
    members = [
        GalleryMember(row.media_id, name := Path(row.source_uri).name, kinds[name], row.cluster_id, row.label)
        for row in rows
    ]
    result.media = sum(counts.values())
    result.ready, result.failed = counts[MediaStatus.READY], counts[MediaStatus.FAILED]
    result.adjusted_rand_index = adjusted_rand_index(
        [member.kind for member in members], [member.cluster_id for member in members]
    )
    result.text_to_image_recall_at_1 = _recall_at_1(services, members)
    result.example = _example(services, members)
    report = audit(services.database, replay=True)
    result.audit = "clean" if report.is_clean else report.breaches
    return members


def _recall_at_1(services: Services, members: list[GalleryMember]) -> float:
    """Share of kinds whose text query ranks a picture of that kind first, by image similarity alone."""
    kind_of = {member.media_id: member.kind for member in members}
    asked = [kind for kind in KIND_QUERIES if kind in kind_of.values()]
    queries = services.encoders.image.embed_words([KIND_QUERIES[kind] for kind in asked])
    with services.database.transaction() as session:
        found = [search_media(session, query, None, 1, 1.0) for query in queries]
    right = sum(kind_of.get(hits[0].media_id) == kind for kind, hits in zip(asked, found, strict=True) if hits)
    return right / len(asked) if asked else 0.0


def _example(services: Services, members: list[GalleryMember]) -> dict[str, Any]:
    """The first picture of the largest group, and its recommendations."""
    if not members:
        return {}
    largest = Counter(member.cluster_id for member in members).most_common(1)[0][0]
    chosen = next(member for member in members if member.cluster_id == largest)
    alpha = services.read_alpha()
    with services.database.transaction() as session:
        title = session.get_one(Media, chosen.media_id).title
        hits = recommend(session, chosen.media_id, _EXAMPLE_COUNT, alpha)
    return {
        "media_id": str(chosen.media_id),
        "title": title,
        "alpha": alpha,
        "recommendations": [{**asdict(hit), "media_id": str(hit.media_id)} for hit in hits],
    }


def _groups_table(members: list[GalleryMember]) -> Table:
    table = Table("group", "label", "size", "kind of scene", "share", title="Groups")
    labels = {member.cluster_id: member.label for member in members}
    kinds: dict[int, Counter[str]] = {}
    for member in members:
        kinds.setdefault(member.cluster_id, Counter())[member.kind] += 1
    for cluster_id, counts in sorted(kinds.items(), key=lambda entry: -entry[1].total()):
        kind, most = counts.most_common(1)[0]
        share = f"{most / counts.total():.0%}"
        table.add_row(str(cluster_id), labels[cluster_id], str(counts.total()), kind, share)
    return table


@contextmanager
def _timed(result: DemoResult, stage: str) -> Iterator[None]:
    started = time.perf_counter()
    try:
        yield
    finally:
        result.seconds[stage] = round(time.perf_counter() - started, 2)
