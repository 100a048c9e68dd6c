"""Repair: check everything and fix what can be fixed."""

import hashlib
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from backend.errors import DecodeCrash, InputError, OriginalMissing
from backend.features.editing import edited_if_grouped, write_edit
from backend.features.integrity.files import PARTS, SETTLED_SECONDS, compare, media_ids
from backend.features.services import Services
from backend.files.storage import write_thumbnails
from backend.rules.editing import Edit, Snapshot, existing_memberships, media_count
from backend.store.groups import (
    DELETE,
    bump_centroid_version,
    delete_clusters,
    lock_assigner,
    read_snapshot,
    resum_centroids,
)
from backend.store.integrity import (
    HeldFile,
    delete_memberless_centroids,
    list_empty_clusters,
    list_off_clusters,
)
from backend.store.media import StoredFile, record_original_missing, remove_unheld_files
from backend.store.spaces import build_vector_indexes, find_active_space, list_missing_vector_indexes, list_spaces

logger = logging.getLogger(__name__)

_SHOWN = 100
_CLUSTERS_AT_ONCE = 64
_LOST = "The original is missing from storage. Restore it from a backup and try again."


@dataclass
class RepairReport:
    """Problems that were found and, unless `dry_run`, fixed. Lists contain the first 100; counts are complete.

    `unmended` counts what only a person can fix: damaged originals, and missing ones unless they were marked as failed.
    """

    dry_run: bool
    files: int = 0
    rows: int = 0
    orphans: int = 0
    orphan_keys: list[str] = field(default_factory=list)
    leftovers: int = 0
    thumbnails: int = 0
    missing_originals: int = 0
    missing_media_ids: list[uuid.UUID] = field(default_factory=list)
    failed: int = 0
    damaged: int = 0
    damaged_media_ids: list[uuid.UUID] = field(default_factory=list)
    centroids: int = 0
    empty_clusters: int = 0
    spaces_without_indexes: int = 0

    @property
    def unmended(self) -> int:
        return self.missing_originals - self.failed + self.damaged


def repair(
    services: Services,
    *,
    dry_run: bool = False,
    fail_missing: bool = False,
    actor: str = "repair",
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> RepairReport:
    """Delete files without a row, create missing thumbnails and vector indexes, and recompute centroids. With `fail_missing`, mark
    pictures whose original is lost as failed. The library may be in use; embedding waits while indexes of its space are created.

    Raises:
        StorageFull, BackendUnavailable: repairs until then stay.
    """
    report = RepairReport(dry_run)
    report.leftovers = services.storage.remove_leftovers(SETTLED_SECONDS, dry_run=dry_run)
    for done, part in enumerate(compare(services.database, services.storage), start=1):
        report.files += part.files
        report.rows += part.rows
        _remove_orphans(services, part.orphans, report)
        for row in part.without_thumbnails:
            _make_thumbnails(services, row, report)
        _report_missing(services, part.without_original, report, actor, fail=fail_missing)
        on_progress(done, PARTS)
    _mend_clusters(services, report)
    _make_indexes(services, report)
    return report


def _remove_orphans(services: Services, orphans: dict[bytes, list[str]], report: RepairReport) -> None:
    for sha256, keys in orphans.items():
        report.orphans += len(keys)
        report.orphan_keys += keys[: _SHOWN - len(report.orphan_keys)]
        if not report.dry_run:
            remove_unheld_files(services.database, services.storage, [StoredFile(sha256, key) for key in keys])


def _make_thumbnails(services: Services, row: HeldFile, report: RepairReport) -> None:
    try:
        data = services.storage.read(row.original_key)
        if hashlib.sha256(data).digest() != row.sha256:
            raise DecodeCrash("The original is damaged.")
        if not report.dry_run:
            picture = services.decoders.decode_original(data, services.limits)
            write_thumbnails(services.storage, row.sha256, picture.thumbnails)
        report.thumbnails += 1
    except (InputError, OriginalMissing) as error:
        logger.warning("The thumbnails of picture %s cannot be made: %s", row.media_id, error)
        report.damaged += 1
        report.damaged_media_ids += [row.media_id][: _SHOWN - len(report.damaged_media_ids)]


def _report_missing(services: Services, rows: list[HeldFile], report: RepairReport, actor: str, *, fail: bool) -> None:
    report.missing_originals += len(rows)
    report.missing_media_ids += media_ids(rows)[: _SHOWN - len(report.missing_media_ids)]
    if not rows or not fail:
        return
    report.failed += len(rows)
    if not report.dry_run:
        _give_up(services, media_ids(rows), actor)


def _give_up(services: Services, ids: list[uuid.UUID], actor: str) -> None:
    """Remove pictures from their groups and mark them as failed."""
    with edited_if_grouped(services, dry_run=False) as (session, space):
        before = read_snapshot(session, [], ids)
        memberships = existing_memberships(before)
        if memberships and space is not None:
            clusters = read_snapshot(session, {state.cluster_id for state in memberships.values()}, []).clusters
            summary = f"Marked {media_count(len(memberships))} without original as failed"
            edit = Edit(
                DELETE,
                Snapshot(clusters, memberships),
                Snapshot({}, dict.fromkeys(memberships)),
                summary,
            )
            write_edit(session, space, edit, actor=actor)
        record_original_missing(session, ids, _LOST)


def _mend_clusters(services: Services, report: RepairReport) -> None:
    with services.database.transaction() as session:
        lock_assigner(session)
        space = find_active_space(session)
        if space is None:
            return
        off = list_off_clusters(session)
        report.centroids = len(off)
        for start in range(0, 0 if report.dry_run else len(off), _CLUSTERS_AT_ONCE):
            some = off[start : start + _CLUSTERS_AT_ONCE]
            resum_centroids(session, space.id, some)
            delete_memberless_centroids(session, space.id, some)
        empty = list_empty_clusters(session)
        report.empty_clusters = len(empty)
        if not report.dry_run and (off or empty):
            delete_clusters(session, empty)
            bump_centroid_version(session, space.id)


def _make_indexes(services: Services, report: RepairReport) -> None:
    with services.database.transaction() as session:
        lacking = [space for space in list_spaces(session) if list_missing_vector_indexes(session, space.id)]
    report.spaces_without_indexes = len(lacking)
    for space in () if report.dry_run else lacking:
        with services.database.transaction() as session:
            build_vector_indexes(session, space)
