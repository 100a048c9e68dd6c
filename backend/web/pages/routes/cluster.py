"""The page of a group, with its members by similarity to the centroid."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response

from backend.bounds import ID
from backend.features.editing import most_label_characters
from backend.store.groups import ClusterHead, Member, get_head, list_member_cards, list_member_ids
from backend.store.spaces import get_active_threshold
from backend.web.api.cursors import read_cursor, write_cursor
from backend.web.api.dependencies import Cursor, ServicesDependency
from backend.web.pages.halves import read_halves
from backend.web.pages.templating import link, render

router = APIRouter()

MEMBERS_A_PAGE = 80
# A visitor who has scrolled farther than this starts at the top again after a change.
_MOST_AT_ONCE = 1_000

ClusterId = Annotated[int, Path(ge=ID.low, le=ID.high)]


@router.get("/clusters/{cluster_id}")
def show_cluster(
    request: Request,
    services: ServicesDependency,
    cluster_id: ClusterId,
    shown: Annotated[int, Query(ge=0, le=2**31)] = 0,
) -> Response:
    """Show the group. `shown` is the number of members on the page before a change, so that visitors keep their place."""
    limit = min(max(shown, MEMBERS_A_PAGE), _MOST_AT_ONCE)
    with services.database.transaction() as session:
        head: ClusterHead = get_head(session, cluster_id)
        threshold = get_active_threshold(session, services.settings.threshold)
        rows = list_member_cards(session, cluster_id, threshold=threshold, limit=limit + 1)
    return render(
        request,
        "cluster.html",
        active="clusters",
        head=head,
        label_characters=most_label_characters(services),
        members=rows[:limit],
        more=_more(cluster_id, rows, limit),
    )


@router.get("/clusters/{cluster_id}/members")
def show_more_members(
    request: Request, services: ServicesDependency, cluster_id: ClusterId, cursor: Cursor = None
) -> Response:
    with services.database.transaction() as session:
        head = get_head(session, cluster_id)
        rows = list_member_cards(
            session,
            cluster_id,
            threshold=get_active_threshold(session, services.settings.threshold),
            after=None if cursor is None else _read_key(cursor),
            limit=MEMBERS_A_PAGE + 1,
        )
    return render(
        request,
        "partials/members.html",
        head=head,
        members=rows[:MEMBERS_A_PAGE],
        more=_more(cluster_id, rows),
    )


@router.get("/clusters/{cluster_id}/ids")
def list_ids(services: ServicesDependency, cluster_id: ClusterId) -> list[UUID]:
    """The ids of all members, for "select all"."""
    with services.database.transaction() as session:
        get_head(session, cluster_id)
        return list_member_ids(session, cluster_id)


@router.get("/clusters/{cluster_id}/halves")
def show_halves(request: Request, services: ServicesDependency, cluster_id: ClusterId) -> Response:
    """Show a proposed split, both halves side by side."""
    halves = read_halves(services, cluster_id)
    with services.database.transaction() as session:
        head = get_head(session, cluster_id)
    return render(
        request,
        "partials/halves.html",
        head=head,
        halves=halves.sides,
        proposal=halves.proposal,
        label_characters=most_label_characters(services),
    )


def _more(cluster_id: int, rows: list[Member], limit: int = MEMBERS_A_PAGE) -> str | None:
    if len(rows) <= limit:
        return None
    last = rows[limit - 1]
    return link(f"/clusters/{cluster_id}/members", cursor=write_cursor(last.similarity, last.picture.media_id))


def _read_key(cursor: str) -> tuple[float, UUID]:
    similarity, media_id = read_cursor(cursor, float, UUID)
    return similarity, media_id
