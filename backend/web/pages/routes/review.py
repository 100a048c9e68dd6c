"""The review page: one item at a time, decided with one key."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from backend.errors import Conflict
from backend.features.duplicates import NearDuplicateGroup, compare_sharpness, read_groups
from backend.features.review import count_queues, read_queue
from backend.features.services import Services
from backend.rules.review import QUEUES, Acceptance, Queue, ReviewKind
from backend.store.media import Picture, list_pictures
from backend.store.review import MarkedTotals, NearDuplicateRow, count_groups, count_marked, list_checksums
from backend.web.api.cursors import write_cursor
from backend.web.api.dependencies import Cursor, ServicesDependency
from backend.web.api.review_cursors import read_keeper, read_review_key
from backend.web.pages.halves import Halves, read_halves
from backend.web.pages.review_items import ReviewCard, list_review_cards
from backend.web.pages.review_words import WORDS, OtherQueue, PageQueue
from backend.web.pages.templating import render

router = APIRouter()

_ITEMS_AT_ONCE = 3
_VERSIONS_SHOWN = 12

Kind = Annotated[PageQueue, Query(alias="kind")]


@dataclass(frozen=True)
class Version:
    """One picture of a group of near-duplicates.

    Attributes:
        row: the picture, and how it differs from the best one.
        picture: its thumbnail, None if deleted.
        sharpness: relative to the sharpest one shown, None if unknown.
        is_best: whether it is the proposed one to keep.
    """

    row: NearDuplicateRow
    picture: Picture | None
    sharpness: float | None
    is_best: bool


@dataclass(frozen=True)
class VersionsCard:
    """A group of near-duplicates. The first version is the proposed one to keep."""

    name: str
    group: NearDuplicateGroup
    versions: list[Version]


@dataclass(frozen=True)
class ReviewItems:
    """Items to review, and the cursor of the next ones.

    Attributes:
        kind: the queue.
        cards: the items.
        splits: proposed halves by group id, without groups that cannot be split.
        cursor: None at the end of the queue.
    """

    kind: PageQueue
    cards: Sequence[ReviewCard | VersionsCard]
    splits: dict[int, Halves]
    cursor: str | None

    @property
    def queue(self) -> Queue | None:
        """None for near-duplicates."""
        return QUEUES[self.kind] if isinstance(self.kind, ReviewKind) else None


@router.get("/review")
def show_review(
    request: Request, services: ServicesDependency, kind: Annotated[PageQueue | None, Query()] = None
) -> Response:
    """Show a queue: the first non-empty one unless `kind` is given."""
    counts = _count(services)
    chosen = kind or next((queue for queue, count in counts.items() if count), ReviewKind.SMALL_MARGIN)
    items = _read_items(services, chosen, None)
    with services.database.transaction() as session:
        marked = count_marked(session)
    return render(
        request, "review.html", active="review", words=WORDS, counts=counts, chosen=chosen, items=items, marked=marked
    )


@router.get("/review/items")
def show_items(request: Request, services: ServicesDependency, kind: Kind, cursor: Cursor = None) -> Response:
    """Show the next few items. The page prefetches them."""
    return render(request, "partials/review_items.html", words=WORDS, items=_read_items(services, kind, cursor))


@router.get("/review/counts")
def list_counts(services: ServicesDependency) -> dict[str, int]:
    """Number of items in each queue, and of pictures marked for deletion."""
    with services.database.transaction() as session:
        marked: MarkedTotals = count_marked(session)
    return {**{queue.value: count for queue, count in _count(services).items()}, "marked": marked.media}


def _count(services: Services) -> dict[PageQueue, int]:
    counts = count_queues(services)
    with services.database.transaction() as session:
        groups, _spare = count_groups(session)
    return {queue: counts[queue] if isinstance(queue, ReviewKind) else groups for queue in WORDS}


def _read_items(services: Services, kind: PageQueue, cursor: str | None) -> ReviewItems:
    if not isinstance(kind, ReviewKind):
        return _read_versions(services, cursor)
    after = None if cursor is None else read_review_key(cursor)
    page = read_queue(services, kind, after=after, limit=_ITEMS_AT_ONCE)
    with services.database.transaction() as session:
        cards = list_review_cards(session, page.items)
    splits = {}
    for card in cards if QUEUES[kind].acceptance is Acceptance.SPLIT else ():
        with suppress(Conflict):
            splits[card.item.cluster.id] = read_halves(services, card.item.cluster.id)
    return ReviewItems(kind, cards, splits, None if page.next_after is None else write_cursor(*page.next_after))


def _read_versions(services: Services, cursor: str | None) -> ReviewItems:
    page = read_groups(services, before=None if cursor is None else read_keeper(cursor), limit=_ITEMS_AT_ONCE)
    shown = [[group.keep, *group.members][:_VERSIONS_SHOWN] for group in page.groups]
    ids = [row.media_id for rows in shown for row in rows]
    with services.database.transaction() as session:
        pictures = list_pictures(session, ids)
        checksums = list_checksums(session, ids)
    cards = []
    for group, rows in zip(page.groups, shown, strict=True):
        shares = compare_sharpness(services, [checksums.get(row.media_id, b"") for row in rows])
        versions = [
            Version(row, pictures.get(row.media_id), share, is_best=index == 0)
            for index, (row, share) in enumerate(zip(rows, shares, strict=True))
        ]
        cards.append(VersionsCard(f"{OtherQueue.NEAR_DUPLICATE}:{group.keep.media_id}", group, versions))
    return ReviewItems(
        OtherQueue.NEAR_DUPLICATE, cards, {}, None if page.next_before is None else write_cursor(page.next_before)
    )
