"""Curators' judgements whether hits are right, which evaluations use."""

import hashlib
import re
import uuid
from collections.abc import Sequence

from backend.errors import InvalidQuery, NotFound
from backend.features.services import Services
from backend.store.access import Act, record_act
from backend.store.engine import broken_constraints_as_conflicts
from backend.store.media import get_media
from backend.store.review import (
    JudgementFilter,
    JudgementKey,
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

# At four bytes per character, they still fit in the index.
_MOST_CHARACTERS = 500
# A stored picture is judged shortly afterwards.
_UNJUDGED_SECONDS = 3_600.0
_CHECKSUM = re.compile(r"[0-9a-f]{64}")


def judge(
    services: Services, kind: QueryKind, query: str, media_id: uuid.UUID, *, is_right: bool | None, actor: str
) -> bool | None:
    """Judge a picture as a right or wrong hit of a query, or (None) withdraw the judgement.

    Returns:
        The previous judgement, None if there was none. Setting it again undoes this call.

    Raises:
        InvalidQuery: the query is empty, too long, or is the picture itself.
        NotFound: a picture does not exist, or the picture of the query is not stored (see `keep`).
    """
    query = canonical(kind, query)
    if kind is QueryKind.MEDIA and query == str(media_id):
        raise InvalidQuery("A picture cannot be a hit for itself.", hint="Judge a different picture.", field="media_id")
    # A picture may be deleted, or a dropped one forgotten, meanwhile.
    with broken_constraints_as_conflicts(), services.database.transaction() as session:
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
    """Store a dropped picture, as a WebP of at most 1280 pixels without metadata, so that any model can be evaluated on its judged hits.
    Returns the checksum of `data` in hex, by which queries refer to it.

    Raises:
        InputError: not a picture, or too large.
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
    """Withdraw the judgements of these hits. Returns how many existed.

    Raises:
        InvalidQuery: a query is invalid. Then nothing is withdrawn.
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
    services: Services, wanted: JudgementFilter, *, limit: int, before: JudgementKey | None = None
) -> tuple[list[Judgement], JudgementKey | None]:
    """A page of judgements, newest first, and the sort key after which the next page begins."""
    with services.database.transaction() as session:
        found = list_newest_judgements(session, wanted, limit=limit + 1, before=before)
    page = found[:limit]
    last = page[-1] if len(found) > limit else None
    return page, None if last is None else (last.judged_at, last.query_kind, last.query, last.media_id)


def list_said(services: Services, kind: QueryKind, query: str) -> dict[uuid.UUID, bool]:
    """The judgements of a query's hits. Raises InvalidQuery."""
    query = canonical(kind, query)
    with services.database.transaction() as session:
        return find_judgements(session, kind, query)


def canonical(kind: QueryKind, query: str) -> str:
    """Normalize a query for storage: text with single spaces, an id in its usual form, a checksum in hex followed by its text.

    Raises:
        InvalidQuery: the query is empty, too long, cannot be stored, or is not an id.
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
