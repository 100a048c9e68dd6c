"""A curator says whether a hit is right for its query: what evaluations are then held to."""

import hashlib
import re
import uuid
from collections.abc import Sequence

from backend.errors import InvalidQuery, NotFound
from backend.features.services import Services
from backend.store.access import Act, record_act
from backend.store.media import get_media
from backend.store.review import (
    JudgementFilter,
    Place,
    QueryKind,
    checksum_in,
    delete_judgement,
    drop_unjudged_pictures,
    find_judgement,
    find_judgements,
    is_picture_kept,
    keep_picture,
    list_newest_judgements,
    record_judgement,
)
from backend.store.schema import Judgement

# Of four bytes each they still fit the index.
_MOST_CHARACTERS = 500
# What was kept and is judged a moment later.
_UNJUDGED_SECONDS = 3_600.0
_CHECKSUM = re.compile(r"[0-9a-f]{64}")


def judge(
    services: Services, kind: QueryKind, query: str, media_id: uuid.UUID, *, is_right: bool | None, actor: str
) -> bool | None:
    """Say that a media is a right hit of a query, or a wrong one, or (None) take back what was said.

    Returns:
        What was said before, None for nothing: saying that again undoes this.

    Raises:
        InvalidQuery: the query is empty, too long, or is the media itself.
        NotFound: a media is unknown, or the picture of the query is not kept (see `keep`).
    """
    query = canonical(kind, query)
    if kind is QueryKind.MEDIA and query == str(media_id):
        raise InvalidQuery("A picture cannot be a hit for itself.", hint="Judge a different picture.", field="media_id")
    with services.database.transaction() as session:
        get_media(session, media_id)
        if kind is QueryKind.MEDIA:
            get_media(session, uuid.UUID(query))
        if kind is QueryKind.PICTURE and not is_picture_kept(session, checksum_in(query)):
            raise NotFound(
                "The picture of this query is not stored.", hint="Send the picture first, then judge its hits."
            )
        before = find_judgement(session, kind, query, media_id)
        if before == is_right:
            return before
        if is_right is None:
            delete_judgement(session, kind, query, media_id)
            drop_unjudged_pictures(session, older_seconds=_UNJUDGED_SECONDS)
        else:
            record_judgement(session, kind, query, media_id, is_right=is_right, actor=actor)
        details = {"query_kind": kind.value, "query": query, "is_right": is_right, "before": before}
        record_act(session, actor, Act.HIT_JUDGED, str(media_id), **details)
    return before


def keep(services: Services, data: bytes) -> str:
    """Keep a picture that was dropped, as a JPEG of at most 1280 pixels without its metadata, so that what is said of its hits
    can be asked of any model again. Returns the checksum of `data` in hex, by which queries name it.

    Raises:
        InputError: it is no picture, or too large.
    """
    sha256 = hashlib.sha256(data).digest()
    with services.database.transaction() as session:
        if is_picture_kept(session, sha256):
            return sha256.hex()
    if len(data) > services.limits.max_body_bytes:
        raise InvalidQuery(f"The picture has {len(data):,} bytes.", hint="Send a smaller version.", field="file")
    content = services.decoders.decode(data, services.limits, derive=True).thumbnails["large"]
    with services.database.transaction() as session:
        drop_unjudged_pictures(session, older_seconds=_UNJUDGED_SECONDS)
        keep_picture(session, sha256, content)
    return sha256.hex()


def withdraw_judgements(services: Services, said: Sequence[tuple[QueryKind, str, uuid.UUID]], *, actor: str) -> int:
    """Take back what was said of these hits; returns of how many something was said.

    Raises:
        InvalidQuery: a query is none. Nothing is taken back then.
    """
    wanted = [(kind, canonical(kind, query), media_id) for kind, query, media_id in said]
    count = 0
    with services.database.transaction() as session:
        for kind, query, media_id in wanted:
            before = find_judgement(session, kind, query, media_id)
            if before is None:
                continue
            delete_judgement(session, kind, query, media_id)
            details = {"query_kind": kind.value, "query": query, "is_right": None, "before": before}
            record_act(session, actor, Act.HIT_JUDGED, str(media_id), **details)
            count += 1
        drop_unjudged_pictures(session, older_seconds=_UNJUDGED_SECONDS)
    return count


def list_newest(
    services: Services, wanted: JudgementFilter, *, limit: int, before: Place | None = None
) -> tuple[list[Judgement], Place | None]:
    """A page of what was said, the newest first, and where the next one begins."""
    with services.database.transaction() as session:
        found = list_newest_judgements(session, wanted, limit=limit + 1, before=before)
    page = found[:limit]
    last = page[-1] if len(found) > limit else None
    return page, None if last is None else (last.judged_at, last.query_kind, last.query, last.media_id)


def list_said(services: Services, kind: QueryKind, query: str) -> dict[uuid.UUID, bool]:
    """What was said of the hits of a query. Raises InvalidQuery for one that is none."""
    query = canonical(kind, query)
    with services.database.transaction() as session:
        return find_judgements(session, kind, query)


def canonical(kind: QueryKind, query: str) -> str:
    """The query as it is stored: words with single spaces, an id in its usual form, a checksum in hex with the words after it.

    Raises:
        InvalidQuery: it is empty or too long, cannot be stored, or is no id.
    """
    if kind is QueryKind.MEDIA:
        try:
            return str(uuid.UUID(query))
        except ValueError:
            raise InvalidQuery(
                f"{query[:60]!r} is not the id of a picture.", hint="Give the id of a stored picture.", field="query"
            ) from None
    words = " ".join(query.split())
    if kind is QueryKind.PICTURE:
        checksum, _, beside = words.partition(" ")
        if not _CHECKSUM.fullmatch(checksum.lower()):
            raise InvalidQuery(
                f"{query[:80]!r} does not begin with the checksum of a picture.",
                hint="Give its SHA-256 in hex, and after a space the words beside it.",
                field="query",
            )
        return f"{checksum.lower()} {canonical(QueryKind.WORDS, beside)}" if beside else checksum.lower()
    storable = "\0" not in words and not any("\ud800" <= character <= "\udfff" for character in words)
    if not words or len(words) > _MOST_CHARACTERS or not storable:
        raise InvalidQuery(
            "The query is empty, too long, or contains invalid characters.",
            hint=f"Give 1 to {_MOST_CHARACTERS:,} characters.",
            field="query",
        )
    return words
