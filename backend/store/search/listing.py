"""Pages of all pictures that pass filters, in an order that does not depend on a query."""

import uuid
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend.rules.search import Filters
from backend.store.schema import Media, MediaStatus
from backend.store.search.candidates import match_media


class MediaOrder(StrEnum):
    """Orders of a list of pictures.

    Those by date have pictures without one last, whatever the direction. A date that is known by the year, month or day only counts as its
    beginning, as it is stored.
    """

    UPLOADED_NEWEST = "uploaded_newest"
    TAKEN_NEWEST = "taken_newest"
    TAKEN_OLDEST = "taken_oldest"


Place = tuple[datetime | None, uuid.UUID]


def place_of(media: Media, order: MediaOrder) -> Place:
    """Where a picture is in an order, for cursors: its moment, None without one, and its id."""
    return media.created_at if order is MediaOrder.UPLOADED_NEWEST else media.taken_at, media.id


def list_media(
    session: Session,
    *,
    status: MediaStatus | None = None,
    filters: Filters | None = None,
    order: MediaOrder = MediaOrder.UPLOADED_NEWEST,
    after: Place | None = None,
    limit: int,
) -> list[Media]:
    """A page of pictures. `after` is `place_of` the last row on the previous page. Two statements at most."""
    query = sa.select(Media)
    if status is not None:
        query = query.where(Media.status == status)
    if filters is not None and not filters.is_empty:
        matching = match_media(filters)
        query = query.where(sa.text(matching.condition).bindparams(**matching.parameters))
    if order is MediaOrder.UPLOADED_NEWEST:
        key = sa.tuple_(Media.created_at, Media.id)
        if after is not None:
            query = query.where(key < after)
        return list(session.scalars(query.order_by(Media.created_at.desc(), Media.id.desc()).limit(limit)))
    media: list[Media] = []
    # First those with a date, then those without: one index serves both directions, since it is read for one of them at a time.
    if after is None or after[0] is not None:
        media = _list_part(session, query.where(Media.taken_at.is_not(None)), order, after, limit)
        after = None
    if len(media) < limit:
        media += _list_part(session, query.where(Media.taken_at.is_(None)), order, after, limit - len(media))
    return media


def _list_part(
    session: Session, query: sa.Select[Media], order: MediaOrder, after: Place | None, limit: int
) -> list[Media]:
    """Pictures that all have a date, or have none. These are ordered by it too, as the index is."""
    is_descending = order is MediaOrder.TAKEN_NEWEST
    keys = (Media.taken_at, Media.id)
    if after is not None:
        taken_at, media_id = after
        key, last = (sa.tuple_(*keys), sa.tuple_(*after)) if taken_at is not None else (Media.id, media_id)
        query = query.where(key < last if is_descending else key > last)
    return list(
        session.scalars(query.order_by(*((one.desc() for one in keys) if is_descending else keys)).limit(limit))
    )
