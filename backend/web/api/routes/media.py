"""Routes that read pictures, their files and similar pictures."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response

from backend.bounds import ALPHA, SIMILAR
from backend.errors import Conflict, InputError, OriginalMissing
from backend.features.editing import rewrite_text
from backend.features.operations import retry_media
from backend.features.search import checked_filters, recommend
from backend.files.formats import mime_of
from backend.files.storage import read_thumbnail
from backend.store.media import get_media
from backend.store.schema import EMBEDDED_STATUSES, Media, MediaStatus
from backend.store.search import MediaOrder, Place, list_media, place_of
from backend.web.api.cursors import read_cursor, write_cursor
from backend.web.api.dependencies import ActorDependency, ServicesDependency
from backend.web.api.places import PlacesDependency
from backend.web.api.routes.references import find_reference, list_references
from backend.web.api.schemas.listing import MediaListInput
from backend.web.api.schemas.schemas import MediaDetail, MediaPage, SimilarAnswer, SimilarMedia, TextChangesInput
from backend.web.api.stored_files import answer_original, file_headers, nothing_stored, read_stored
from backend.web.middleware.problems import documented

router = APIRouter(tags=["media"])

# The file of an id never changes.


@router.get(
    "/media",
    operation_id="list_media",
    summary="Pictures that pass filters, in order of upload or of date",
    responses=documented("malformed_request", "invalid_query", "backend_unavailable"),
)
def list_media_page(
    services: ServicesDependency, places: PlacesDependency, asked: Annotated[MediaListInput, Query()]
) -> MediaPage:
    """By date, pictures without one come last, and a date known by the year, month or day only counts as its beginning."""
    after = None if asked.cursor is None else _read_place(asked.cursor, asked.order_by)
    filters = checked_filters(asked.filters())
    with services.database.transaction() as session:
        rows = list_media(
            session, status=asked.status, filters=filters, order=asked.order_by, after=after, limit=asked.limit + 1
        )
        page = rows[: asked.limit]
        references = list_references(session, [media.id for media in page])
        details = [MediaDetail.of(media, references.get(media.id), places=places) for media in page]
    more = len(rows) > len(page)
    return MediaPage(media=details, next_cursor=_write_place(page[-1], asked.order_by) if more else None)


@router.get(
    "/media/{media_id}",
    operation_id="get_media",
    summary="Get one picture",
    responses=documented("malformed_request", "not_found", "backend_unavailable"),
)
def get_one(services: ServicesDependency, places: PlacesDependency, media_id: UUID) -> MediaDetail:
    """Location fields (`latitude_degrees` and so on in `exif`) are included for admins only."""
    with services.database.transaction() as session:
        return MediaDetail.of(get_media(session, media_id), find_reference(session, media_id), places=places)


@router.patch(
    "/media/{media_id}",
    operation_id="change_media_text",
    summary="Change the text of a picture",
    responses=documented(
        "malformed_request",
        "invalid_text",
        "not_found",
        "conflict",
        "backend_unavailable",
        "space_mismatch",
        "encoder_unavailable",
    ),
)
def change_text(
    services: ServicesDependency,
    actor: ActorDependency,
    places: PlacesDependency,
    media_id: UUID,
    changes: TextChangesInput,
) -> MediaDetail:
    """The text vectors are updated at once. The image vector and the group do not change."""
    rewrite_text(services, media_id, changes.changes(), actor=actor)
    return get_one(services, places, media_id)


@router.get(
    "/media/{media_id}/similar",
    operation_id="list_similar_media",
    summary="Get pictures similar to one picture",
    responses=documented("malformed_request", "not_found", "conflict", "backend_unavailable"),
)
def list_similar(
    services: ServicesDependency,
    media_id: UUID,
    k: Annotated[int, Query(ge=SIMILAR.low, le=SIMILAR.high, description="Number of results.")] = 3,
    alpha: Annotated[
        float | None, Query(ge=ALPHA.low, le=ALPHA.high, description="Weight of the image similarity, 0 to 1.")
    ] = None,
) -> SimilarAnswer:
    """Same result as the SQL function `similar_media`: `combined = alpha * sim_image + (1 - alpha) * sim_text`."""
    weight = services.read_alpha() if alpha is None else alpha
    with services.database.transaction() as session:
        results = [SimilarMedia.of(one) for one in recommend(session, media_id, k, weight, services.vectors)]
    return SimilarAnswer(media_id=media_id, k=k, alpha=weight, results=results)


@router.get(
    "/media/{media_id}/thumbnail",
    operation_id="get_thumbnail",
    summary="Get the thumbnail of a picture",
    response_class=Response,
    responses={
        HTTPStatus.OK: {
            "content": {"image/webp": {}, "image/jpeg": {}},
            "description": "WebP (small) or JPEG (large), without metadata",
        },
        **documented("malformed_request", "not_found", "conflict", "backend_unavailable"),
    },
)
def get_thumbnail(services: ServicesDependency, media_id: UUID, size: Literal["small", "large"] = "small") -> Response:
    """The longest side is at most 320 (small) or 1280 (large) pixels."""
    media = read_stored(services, media_id)
    if media.sha256 is None:
        raise nothing_stored(media)
    try:
        content = read_thumbnail(services.storage, media.sha256, size)
    except OriginalMissing:
        if media.status in EMBEDDED_STATUSES:
            raise
        raise Conflict(f"Picture {media_id} has no thumbnail yet; its status is {media.status}.") from None
    return Response(content, media_type=mime_of(content), headers=file_headers(media.sha256))


@router.get(
    "/media/{media_id}/original",
    operation_id="get_original",
    summary="Get the original file",
    response_class=Response,
    responses={
        HTTPStatus.OK: {"content": {"image/*": {}}, "description": "The original, as an attachment"},
        **documented("malformed_request", "forbidden", "not_found", "conflict", "backend_unavailable"),
    },
)
def get_original(services: ServicesDependency, places: PlacesDependency, media_id: UUID) -> Response:
    """An original that contains a location is for admins only."""
    return answer_original(services, media_id, places=places)


@router.post(
    "/media/{media_id}/retry",
    operation_id="retry_media",
    summary="Try a failed picture again",
    status_code=HTTPStatus.ACCEPTED,
    responses=documented("malformed_request", "not_found", "conflict", "not_in_space", "backend_unavailable"),
)
def retry(
    services: ServicesDependency, actor: ActorDependency, places: PlacesDependency, media_id: UUID
) -> MediaDetail:
    with services.database.transaction() as session:
        if get_media(session, media_id).status != MediaStatus.FAILED:
            raise Conflict(f"Picture {media_id} has not failed.")
    retry_media(services, [media_id], actor=actor)
    with services.database.transaction() as session:
        return MediaDetail.of(get_media(session, media_id), places=places)


def _write_place(media: Media, order: MediaOrder) -> str:
    moment, media_id = place_of(media, order)
    if order is MediaOrder.UPLOADED_NEWEST:
        return write_cursor(moment, media_id)
    return write_cursor(order.value, moment or "", media_id)


def _read_place(cursor: str, order: MediaOrder) -> Place:
    """Raises InputError for a cursor that is invalid or belongs to another order."""
    if order is MediaOrder.UPLOADED_NEWEST:
        created_at, media_id = read_cursor(cursor, datetime, UUID)
        return created_at, media_id
    written, moment, media_id = read_cursor(cursor, str, str, UUID)
    try:
        taken_at = datetime.fromisoformat(moment) if moment else None
    except ValueError:
        written = ""
    if written != order:
        raise InputError("This cursor is not valid for this order.", hint="Use `next_cursor` with the same `order_by`.")
    return taken_at, media_id
