"""Routes for the review queue, near-duplicates and exact copies."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from backend.features.duplicates import keep_all, keep_best, read_groups
from backend.features.review import decide, read_queue, take_back
from backend.rules.review import ReviewKind
from backend.store.media import list_exact_copies
from backend.web.api.cursors import read_cursor, write_cursor
from backend.web.api.dependencies import ActorDependency, Cursor, PageLimit, ServicesDependency
from backend.web.api.places import PlacesDependency
from backend.web.api.review_cursors import read_keeper, read_review_key
from backend.web.api.schemas.curation import CurationOutcome
from backend.web.api.schemas.review import (
    ExactCopyDetail,
    ExactCopyPage,
    NearDuplicateDecisionAnswer,
    NearDuplicateDecisionInput,
    NearDuplicates,
    NearDuplicatesPage,
    ReviewDecisionAnswer,
    ReviewDecisionInput,
    ReviewItemDetail,
    ReviewQueuePage,
    ReviewTakingBackAnswer,
    ReviewTakingBackInput,
)
from backend.web.middleware.problems import documented

router = APIRouter(tags=["review"])

DryRun = Annotated[bool, Query(description="Show what would change without changing anything.")]

_READ_PROBLEMS = documented("malformed_request", "backend_unavailable")
_PROBLEMS = documented("malformed_request", "not_found", "conflict", "backend_unavailable")


@router.get("/review", operation_id="list_review", summary="List what needs review", responses=_READ_PROBLEMS)
def list_review(
    services: ServicesDependency,
    kind: Annotated[ReviewKind, Query(description="Kind of items to list.")] = ReviewKind.SMALL_MARGIN,
    limit: PageLimit = 50,
    cursor: Cursor = None,
) -> ReviewQueuePage:
    """Most urgent first, with the number of items of each kind."""
    page = read_queue(services, kind, after=None if cursor is None else read_review_key(cursor), limit=limit)
    return ReviewQueuePage(
        items=[ReviewItemDetail.of(item) for item in page.items],
        counts=page.counts,
        refreshed_at=page.refreshed_at,
        is_stale=page.is_stale,
        next_cursor=None if page.next_after is None else write_cursor(*page.next_after),
    )


@router.post(
    "/review/decisions", operation_id="decide_review", summary="Decide an item of the review queue", responses=_PROBLEMS
)
def decide_review(
    services: ServicesDependency, actor: ActorDependency, wanted: ReviewDecisionInput, dry_run: DryRun = False
) -> ReviewDecisionAnswer:
    """A change of groups is one event in the history and can be undone there. A dismissed item does not come back."""
    return ReviewDecisionAnswer.of(
        decide(services, wanted.item, wanted.decision, actor=actor, cluster_id=wanted.cluster_id, dry_run=dry_run)
    )


@router.post(
    "/review/decisions/take-back",
    operation_id="take_back_review_decision",
    summary="Undo a review decision",
    responses=documented("malformed_request", "not_found", "undo_blocked", "backend_unavailable"),
)
def take_back_decision(
    services: ServicesDependency, actor: ActorDependency, wanted: ReviewTakingBackInput
) -> ReviewTakingBackAnswer:
    """Undoes the change and puts the item back in the queue. Undoing a dismissal lets the item be suggested again."""
    outcome = take_back(services, wanted.item, actor=actor)
    return ReviewTakingBackAnswer(item=wanted.item, outcome=CurationOutcome.of(outcome) if outcome else None)


@router.get(
    "/near-duplicates",
    operation_id="list_near_duplicates",
    summary="List groups of near-duplicates",
    responses=_READ_PROBLEMS,
)
def list_near_duplicates(
    services: ServicesDependency, limit: PageLimit = 50, cursor: Cursor = None
) -> NearDuplicatesPage:
    """Each group names the picture to keep. Newest first."""
    page = read_groups(services, before=None if cursor is None else read_keeper(cursor), limit=limit)
    return NearDuplicatesPage(
        groups=[NearDuplicates.of(group) for group in page.groups],
        group_count=page.group_count,
        spare_count=page.spare_count,
        next_cursor=None if page.next_before is None else write_cursor(page.next_before),
    )


@router.post(
    "/near-duplicates/decisions",
    operation_id="decide_near_duplicates",
    summary="Decide a group of near-duplicates",
    responses=_PROBLEMS,
)
def decide_near_duplicates(
    services: ServicesDependency, actor: ActorDependency, wanted: NearDuplicateDecisionInput, dry_run: DryRun = False
) -> NearDuplicateDecisionAnswer:
    """`keep_best` deletes the others permanently; try it with `dry_run` first. After `keep_all` the group is not suggested again."""
    if wanted.decision == "keep_best":
        outcome = keep_best(services, wanted.keep_media_id, wanted.media_ids, actor=actor, dry_run=dry_run)
        return NearDuplicateDecisionAnswer(decision="keep_best", outcome=CurationOutcome.of(outcome))
    if not dry_run:
        keep_all(services, [wanted.keep_media_id, *wanted.media_ids], actor=actor)
    return NearDuplicateDecisionAnswer(decision="keep_all", outcome=None)


@router.get("/exact-copies", operation_id="list_exact_copies", summary="List exact copies", responses=_READ_PROBLEMS)
def list_copies(
    services: ServicesDependency,
    places: PlacesDependency,
    media_id: Annotated[UUID | None, Query(description="Copies of this picture only.")] = None,
    limit: PageLimit = 50,
    cursor: Cursor = None,
) -> ExactCopyPage:
    """Most recently sent first. There is nothing to decide: the file is stored once."""
    before = None if cursor is None else _read_copy_place(cursor)
    with services.database.transaction() as session:
        rows = list_exact_copies(session, media_id=media_id, before=before, limit=limit + 1)
    page = rows[:limit]
    return ExactCopyPage(
        copies=[ExactCopyDetail.of(row, places=places) for row in page],
        next_cursor=write_cursor(page[-1].last_sent_at, page[-1].id) if len(rows) > limit else None,
    )


def _read_copy_place(cursor: str) -> tuple[datetime, int]:
    sent_at, number = read_cursor(cursor, datetime, int)
    return sent_at, number
