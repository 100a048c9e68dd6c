"""Routes that read groups and their members."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path

from backend.bounds import ID
from backend.store.groups import count_clusters, get_cluster, list_clusters, list_members
from backend.web.api.cursors import read_cursor, write_cursor
from backend.web.api.dependencies import Cursor, PageLimit, ServicesDependency
from backend.web.api.schemas.schemas import ClusterDetail, ClusterInList, ClusterPage, Member
from backend.web.middleware.problems import documented

router = APIRouter(tags=["clusters"])

ClusterId = Annotated[int, Path(ge=ID.low, le=ID.high)]


@router.get(
    "/clusters",
    operation_id="list_clusters",
    summary="Groups, largest first",
    responses=documented("malformed_request", "backend_unavailable"),
)
def list_page(services: ServicesDependency, limit: PageLimit = 50, cursor: Cursor = None) -> ClusterPage:
    after = None
    if cursor is not None:
        size, cluster_id = read_cursor(cursor, int, int)
        after = size, cluster_id
    with services.database.transaction() as session:
        rows = list_clusters(session, after=after, limit=limit + 1)
        total = count_clusters(session)
    page = rows[:limit]
    return ClusterPage(
        clusters=[ClusterInList.of(row) for row in page],
        total=total,
        next_cursor=write_cursor(page[-1].size, page[-1].id) if len(rows) > limit else None,
    )


@router.get(
    "/clusters/{cluster_id}",
    operation_id="get_cluster",
    summary="Get one group and its members",
    responses=documented("malformed_request", "not_found", "backend_unavailable"),
)
def get_one(
    services: ServicesDependency, cluster_id: ClusterId, limit: PageLimit = 50, cursor: Cursor = None
) -> ClusterDetail:
    after = None if cursor is None else _read_key(cursor)
    with services.database.transaction() as session:
        cluster = get_cluster(session, cluster_id)
        rows = list_members(session, cluster_id, after=after, limit=limit + 1)
    page = rows[:limit]
    return ClusterDetail(
        **vars(cluster),
        members=[Member.of(row) for row in page],
        next_cursor=write_cursor(page[-1].similarity, page[-1].media_id) if len(rows) > limit else None,
    )


def _read_key(cursor: str) -> tuple[float, UUID]:
    similarity, media_id = read_cursor(cursor, float, UUID)
    return similarity, media_id
