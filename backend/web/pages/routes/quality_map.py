"""The map of the library, which places similar pictures close together."""

import json
from datetime import datetime
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Path, Request, Response

from backend.errors import NotFound
from backend.features.evaluation import MAP_POINTS, Job
from backend.features.services import Services
from backend.rules.measures import has_umap
from backend.store.evaluation import MapPoints, find_map_points, find_mapped_media, find_standing
from backend.store.media import list_pictures
from backend.store.spaces import get_active_space
from backend.web.api.dependencies import ServicesDependency
from backend.web.pages.backgrounds import is_measuring, start_measuring
from backend.web.pages.quality import failure_of, is_stale
from backend.web.pages.templating import link, picture_url, render

router = APIRouter()

_MISSING = "There is no map yet."
_HINT = "Draw one on the map page."


@router.get("/quality/map")
def show_map(request: Request, services: ServicesDependency) -> Response:
    return _render_state(request, services, "quality_map.html")


@router.get("/quality/map/state")
def show_map_state(request: Request, services: ServicesDependency) -> Response:
    """Show the state of the map. The page polls this while it is drawn."""
    return _render_state(request, services, "partials/map_state.html")


@router.post("/quality/map/draw")
def do_draw(request: Request, services: ServicesDependency) -> Response:
    """Start to draw the map in a process of its own, without waiting."""
    start_measuring(request, Job.MAP)
    return _render_state(request, services, "partials/map_state.html")


@router.get("/quality/map/points")
def fetch_points(services: ServicesDependency) -> Response:
    """All points with their current groups, packed for WebGL (see `_pack`)."""
    with services.database.transaction() as session:
        found = find_map_points(session, get_active_space(session).id)
    if found is None:
        raise NotFound(_MISSING, hint=_HINT)
    return Response(_pack(found), media_type="application/octet-stream", headers={"Cache-Control": "no-store"})


@router.get("/quality/map/points/{place}")
def describe_point(
    services: ServicesDependency, place: Annotated[int, Path(ge=0, lt=MAP_POINTS)]
) -> dict[str, str | None]:
    """The picture of a point."""
    with services.database.transaction() as session:
        media_id = find_mapped_media(session, get_active_space(session).id, place)
        picture = None if media_id is None else list_pictures(session, [media_id]).get(media_id)
    if picture is None:
        raise NotFound("This picture was deleted.", hint="Redraw the map.")
    return {
        "title": picture.short_title,
        "src": picture_url(picture.sha256) if picture.sha256 else None,
        "href": link(f"/media/{picture.media_id}"),
    }


def _pack(found: MapPoints) -> bytes:
    """Pack the points in little-endian order: the length of the head (uint32), the head (JSON, padded to four bytes: groups as
    [id, label, size]; count), x and y of each point (float32), its index on the map (uint32), and the index of its group
    (uint32)."""
    groups = list(zip(found.cluster_ids, found.labels, found.sizes, strict=True))
    head = json.dumps({"count": len(found.map_indexes), "groups": groups}, ensure_ascii=False).encode()
    head += b" " * (-len(head) % 4)
    parts = (found.points.astype("<f4"), found.map_indexes.astype("<u4"), found.groups.astype("<u4"))
    return b"".join([np.uint32(len(head)).astype("<u4").tobytes(), head, *(part.tobytes() for part in parts)])


def _render_state(request: Request, services: Services, template: str) -> Response:
    running = is_measuring(request, Job.MAP)
    with services.database.transaction() as session:
        standing = find_standing(session)
    report = None if standing is None else standing.reports.get("map")
    content = None if report is None or not report.content else report.content
    media_count = 0 if standing is None else standing.media_count
    drawn_at: datetime | None = report.measured_at if report is not None and content else None
    return render(
        request,
        template,
        active="quality",
        media_count=media_count,
        content=content,
        drawn_at=drawn_at,
        missing=0 if content is None else max(min(media_count, MAP_POINTS) - content["points"], 0),
        most=MAP_POINTS,
        stale=standing is not None and is_stale(standing, Job.MAP),
        running=running or (standing is not None and Job.MAP in standing.running),
        failure=None if standing is None else failure_of(standing, Job.MAP),
        has_umap=has_umap(),
    )
