"""Routes that change groups, read the history, and undo or redo its events."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query

from backend.bounds import ID
from backend.features.editing import (
    ChooseRepresentative,
    Confirm,
    Dissolve,
    Extract,
    Lock,
    Merge,
    Move,
    Operation,
    Rename,
    Split,
    Unlock,
    delete_media,
    list_history,
    perform,
    propose_split,
    redo,
    undo,
)
from backend.features.services import Services
from backend.web.api.cursors import read_cursor, write_cursor
from backend.web.api.dependencies import ActorDependency, Cursor, PageLimit, ServicesDependency
from backend.web.api.schemas.curation import (
    CurationOutcome,
    ExtractInput,
    JournalEvent,
    JournalPage,
    LabelInput,
    MediaIdsInput,
    MergeInput,
    MoveInput,
    ProposedSplit,
    RepresentativeInput,
    SplitInput,
)
from backend.web.middleware.problems import documented

router = APIRouter(tags=["curation"])

ClusterId = Annotated[int, Path(ge=ID.low, le=ID.high)]
EventId = Annotated[int, Path(ge=ID.low, le=ID.high)]
DryRun = Annotated[bool, Query(description="Show what would change without changing anything.")]

_PROBLEMS = documented("malformed_request", "not_found", "conflict", "backend_unavailable")
_UNDO_PROBLEMS = documented("malformed_request", "not_found", "conflict", "undo_blocked", "backend_unavailable")


@router.post(
    "/clusters/{cluster_id}/rename", operation_id="rename_cluster", summary="Rename a group", responses=_PROBLEMS
)
def rename(
    services: ServicesDependency,
    actor: ActorDependency,
    cluster_id: ClusterId,
    wanted: LabelInput,
    dry_run: DryRun = False,
) -> CurationOutcome:
    """Set the label of the group. Automatic labelling never changes a curator's label."""
    return _perform(services, Rename(cluster_id, wanted.label), actor, dry_run)


@router.post(
    "/clusters/{cluster_id}/representative",
    operation_id="choose_representative",
    summary="Choose the cover picture of a group",
    responses=_PROBLEMS,
)
def choose_representative(
    services: ServicesDependency,
    actor: ActorDependency,
    cluster_id: ClusterId,
    wanted: RepresentativeInput,
    dry_run: DryRun = False,
) -> CurationOutcome:
    """Show this member for the group, instead of the member nearest the centroid."""
    return _perform(services, ChooseRepresentative(cluster_id, wanted.media_id), actor, dry_run)


@router.post(
    "/clusters/{cluster_id}/lock",
    operation_id="lock_cluster",
    summary="Lock a group against automatic changes",
    responses=_PROBLEMS,
)
def lock(
    services: ServicesDependency, actor: ActorDependency, cluster_id: ClusterId, dry_run: DryRun = False
) -> CurationOutcome:
    """No picture joins or leaves automatically. Curators can still move pictures in and out."""
    return _perform(services, Lock(cluster_id), actor, dry_run)


@router.post(
    "/clusters/{cluster_id}/unlock",
    operation_id="unlock_cluster",
    summary="Unlock a group",
    responses=_PROBLEMS,
)
def unlock(
    services: ServicesDependency, actor: ActorDependency, cluster_id: ClusterId, dry_run: DryRun = False
) -> CurationOutcome:
    return _perform(services, Unlock(cluster_id), actor, dry_run)


@router.post(
    "/clusters/{cluster_id}/merge",
    operation_id="merge_clusters",
    summary="Merge other groups into this group",
    responses=_PROBLEMS,
)
def merge(
    services: ServicesDependency,
    actor: ActorDependency,
    cluster_id: ClusterId,
    wanted: MergeInput,
    dry_run: DryRun = False,
) -> CurationOutcome:
    """Merge the named groups into the addressed one, which keeps its id, label and representative."""
    return _perform(services, Merge(tuple(wanted.cluster_ids), cluster_id), actor, dry_run)


@router.get(
    "/clusters/{cluster_id}/split-proposal",
    operation_id="propose_split",
    summary="Propose how to split a group in two",
    responses=_PROBLEMS,
)
def get_split_proposal(services: ServicesDependency, cluster_id: ClusterId) -> ProposedSplit:
    """Changes nothing. 409 if the group cannot be split."""
    return ProposedSplit.of(propose_split(services, cluster_id))


@router.post(
    "/clusters/{cluster_id}/split", operation_id="split_cluster", summary="Split a group in two", responses=_PROBLEMS
)
def split(
    services: ServicesDependency,
    actor: ActorDependency,
    cluster_id: ClusterId,
    wanted: SplitInput,
    dry_run: DryRun = False,
) -> CurationOutcome:
    """Move the named members to a new group. The two groups are never merged automatically."""
    return _perform(services, Split(cluster_id, tuple(wanted.media_ids), wanted.label), actor, dry_run)


@router.post(
    "/clusters/{cluster_id}/dissolve", operation_id="dissolve_cluster", summary="Dissolve a group", responses=_PROBLEMS
)
def dissolve(
    services: ServicesDependency, actor: ActorDependency, cluster_id: ClusterId, dry_run: DryRun = False
) -> CurationOutcome:
    """Each member joins the nearest other group within the threshold, or starts its own group."""
    return _perform(services, Dissolve(cluster_id), actor, dry_run)


@router.post("/media/move", operation_id="move_media", summary="Move pictures to a group", responses=_PROBLEMS)
def move(
    services: ServicesDependency, actor: ActorDependency, wanted: MoveInput, dry_run: DryRun = False
) -> CurationOutcome:
    """Move exactly these pictures. Similar ones stay where they are."""
    return _perform(services, Move(tuple(wanted.media_ids), wanted.cluster_id), actor, dry_run)


@router.post(
    "/media/extract", operation_id="extract_media", summary="Make a new group of pictures", responses=_PROBLEMS
)
def extract(
    services: ServicesDependency, actor: ActorDependency, wanted: ExtractInput, dry_run: DryRun = False
) -> CurationOutcome:
    """The pictures may come from any groups."""
    return _perform(services, Extract(tuple(wanted.media_ids), wanted.label), actor, dry_run)


@router.post(
    "/media/confirm",
    operation_id="confirm_media",
    summary="Confirm that pictures are in the right group",
    responses=_PROBLEMS,
)
def confirm(
    services: ServicesDependency, actor: ActorDependency, wanted: MediaIdsInput, dry_run: DryRun = False
) -> CurationOutcome:
    """Automatic grouping never moves confirmed pictures."""
    return _perform(services, Confirm(tuple(wanted.media_ids)), actor, dry_run)


@router.post("/media/delete", operation_id="delete_media", summary="Delete pictures permanently", responses=_PROBLEMS)
def delete(
    services: ServicesDependency, actor: ActorDependency, wanted: MediaIdsInput, dry_run: DryRun = False
) -> CurationOutcome:
    """Delete pictures with their originals, thumbnails and vectors. This cannot be undone; try it with `dry_run` first."""
    return CurationOutcome.of(delete_media(services, wanted.media_ids, actor=actor, dry_run=dry_run))


@router.delete(
    "/media/{media_id}", operation_id="delete_one_media", summary="Delete a picture permanently", responses=_PROBLEMS
)
def delete_one(
    services: ServicesDependency, actor: ActorDependency, media_id: UUID, dry_run: DryRun = False
) -> CurationOutcome:
    """Like `POST /media/delete` with one id."""
    return CurationOutcome.of(delete_media(services, [media_id], actor=actor, dry_run=dry_run))


@router.get("/history", operation_id="list_history", summary="List the history of edits", responses=_PROBLEMS)
def list_page(
    services: ServicesDependency,
    cluster_id: Annotated[
        int | None, Query(ge=ID.low, le=ID.high, description="Only events that touched this group.")
    ] = None,
    media_id: Annotated[UUID | None, Query(description="Only events that touched this picture.")] = None,
    limit: PageLimit = 50,
    cursor: Cursor = None,
) -> JournalPage:
    """Newest first."""
    before_id = None if cursor is None else _read_key(cursor)
    with services.database.transaction() as session:
        rows = list_history(session, before_id=before_id, cluster_id=cluster_id, media_id=media_id, limit=limit + 1)
    page = rows[:limit]
    return JournalPage(
        events=[JournalEvent.of(row) for row in page],
        next_cursor=write_cursor(page[-1].id) if len(rows) > limit else None,
    )


@router.post("/history/{event_id}/undo", operation_id="undo_event", summary="Undo an event", responses=_UNDO_PROBLEMS)
def undo_event(
    services: ServicesDependency, actor: ActorDependency, event_id: EventId, dry_run: DryRun = False
) -> CurationOutcome:
    """Restores memberships, labels and centroids exactly. 409 `undo_blocked` names the later changes that block it."""
    return CurationOutcome.of(undo(services, event_id, actor=actor, dry_run=dry_run))


@router.post(
    "/history/{event_id}/redo", operation_id="redo_event", summary="Redo an event that was undone",
    responses=_UNDO_PROBLEMS,
)  # fmt: skip
def redo_event(
    services: ServicesDependency, actor: ActorDependency, event_id: EventId, dry_run: DryRun = False
) -> CurationOutcome:
    return CurationOutcome.of(redo(services, event_id, actor=actor, dry_run=dry_run))


def _perform(services: Services, operation: Operation, actor: str, dry_run: bool) -> CurationOutcome:
    return CurationOutcome.of(perform(services, operation, actor=actor, dry_run=dry_run))


def _read_key(cursor: str) -> int:
    (event_id,) = read_cursor(cursor, int)
    return int(event_id)
