"""The page of a picture: its text, its group and similar pictures."""

from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from backend.errors import NotFound, advice_on
from backend.features.editing import rewrite_text
from backend.features.operations import retry_media
from backend.features.search import MOST_LISTED, insight
from backend.files.text import TextChanges
from backend.store.groups import Neighbours, find_cluster_ids, find_neighbours, list_memberships
from backend.store.media import Picture, get_media, list_pictures
from backend.store.schema import Cluster, MediaStatus
from backend.store.spaces import get_alpha
from backend.web.api.dependencies import ServicesDependency
from backend.web.api.places import PlacesDependency, without_key, without_place
from backend.web.api.schemas.schemas import TextForm
from backend.web.api.stored_files import answer_original
from backend.web.pages.routes.curation import CuratorDependency
from backend.web.pages.scales import make_scale
from backend.web.pages.templating import link, picture_url, render

router = APIRouter()


@router.get("/media/{media_id}")
def show_media(request: Request, services: ServicesDependency, places: PlacesDependency, media_id: UUID) -> Response:
    with services.database.transaction() as session:
        media = get_media(session, media_id)
        if media.duplicate_of is not None:
            return RedirectResponse(link(f"/media/{media.duplicate_of}"))
        one = list_pictures(session, [media_id]).get(media_id)
        if one is None:  # deleted since the read above
            raise NotFound(f"There is no picture {media_id}.")
        alpha = get_alpha(session, services.settings.alpha)
        memberships = list_memberships(session, [media_id])
        membership, label = memberships[0] if memberships else (None, "")
        neighbours: Neighbours | None = None
        runner_up: Cluster | None = None
        if membership is not None:
            neighbours = find_neighbours(session, membership.cluster_id, media_id)
            if membership.runner_up_cluster_id is not None:
                runner_up = session.get(Cluster, membership.runner_up_cluster_id)
    return render(
        request,
        "media.html",
        active=None,
        media=media,
        exif=media.exif if places else without_place(media.exif),
        source_uri=media.source_uri if places else without_key(media.source_uri),
        one=one,
        membership=membership,
        label=label,
        neighbours=neighbours,
        runner_up=runner_up,
        scale=None if membership is None else make_scale(membership),
        alpha=alpha,
        advice=advice_on(media.error_code),
    )


@router.get("/media/{media_id}/news")
def show_news(services: ServicesDependency, media_id: UUID, status: MediaStatus) -> Response:
    """Poll a picture that is being processed. Triggers a reload once it has gone beyond `status`."""
    with services.database.transaction() as session:
        moved = get_media(session, media_id).status != status
    return Response(headers={"HX-Refresh": "true"}) if moved else Response(status_code=HTTPStatus.NO_CONTENT)


@router.post("/media/{media_id}/retry")
def try_again(services: ServicesDependency, actor: CuratorDependency, media_id: UUID) -> Response:
    """Retry a failed picture from the step that failed."""
    retry_media(services, [media_id], actor=actor)
    return Response(headers={"HX-Refresh": "true"})


@router.get("/media/{media_id}/similar")
def list_similar(services: ServicesDependency, media_id: UUID) -> list[dict[str, Any]]:
    """All pictures that rank among the best at some alpha, with both cosines. The page ranks them itself for each slider position."""
    with services.database.transaction() as session:
        found = insight(session, media_id, MOST_LISTED, services.vectors)
        ids = [hit.media_id for hit in found.hits]
        pictures = list_pictures(session, ids)
        groups = find_cluster_ids(session, [*ids, media_id])
    return [
        {
            "id": str(hit.media_id),
            "href": link(f"/media/{hit.media_id}"),
            "title": pictures[hit.media_id].short_title,
            "location": hit.location,
            "src": _source(pictures[hit.media_id]),
            "image": hit.sim_image,
            "text": hit.sim_text,
            "best_rank": hit.best.rank,
            "best_low": hit.best.low,
            "best_high": hit.best.high,
            "same_group": media_id in groups and groups.get(hit.media_id) == groups[media_id],
        }
        for hit in found.hits
        if hit.media_id in pictures
    ]


def _source(picture: Picture) -> str | None:
    return picture_url(picture.sha256) if picture.sha256 else None


@router.get("/media/{media_id}/original")
def show_original(services: ServicesDependency, places: PlacesDependency, media_id: UUID) -> Response:
    """Download the file as it was uploaded."""
    return answer_original(services, media_id, places=places)


async def _read_changes(request: Request, text: Annotated[TextForm, Depends()]) -> TextChanges:
    """What the form changes: a field that it lacks keeps its value, and one that it has empty is emptied."""
    return TextChanges.to(text.media_text(), await request.form())


@router.post("/media/{media_id}/text")
def change_text(
    services: ServicesDependency,
    actor: CuratorDependency,
    media_id: UUID,
    changes: Annotated[TextChanges, Depends(_read_changes)],
) -> Response:
    """The vectors of the words follow at once; the picture's stay, and so does its group."""
    rewrite_text(services, media_id, changes, actor=actor)
    return Response(headers={"HX-Refresh": "true"})
