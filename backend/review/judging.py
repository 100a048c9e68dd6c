"""A curator says whether a hit is right for its query: what evaluations are then held to."""

import uuid

from backend.db.audit_log import Act, record_act
from backend.db.judgements import QueryKind, delete_judgement, find_judgement, find_judgements, record_judgement
from backend.db.media import get_media
from backend.errors import InvalidQuery
from backend.services import Services

# Of four bytes each they still fit the index.
_MOST_CHARACTERS = 500


def judge(
    services: Services, kind: QueryKind, query: str, media_id: uuid.UUID, *, is_right: bool | None, actor: str
) -> bool | None:
    """Say that a media is a right hit of a query, or a wrong one, or (None) take back what was said.

    Returns:
        What was said before, None for nothing: saying that again undoes this.

    Raises:
        InvalidQuery: the query is empty, too long, or is the media itself.
        NotFound: a media is unknown.
    """
    query = canonical(kind, query)
    if kind is QueryKind.MEDIA and query == str(media_id):
        raise InvalidQuery("A picture is no hit of itself.", hint="Judge another picture.", field="media_id")
    with services.database.transaction() as session:
        get_media(session, media_id)
        if kind is QueryKind.MEDIA:
            get_media(session, uuid.UUID(query))
        before = find_judgement(session, kind, query, media_id)
        if before == is_right:
            return before
        if is_right is None:
            delete_judgement(session, kind, query, media_id)
        else:
            record_judgement(session, kind, query, media_id, is_right=is_right, actor=actor)
        details = {"query_kind": kind.value, "query": query, "is_right": is_right, "before": before}
        record_act(session, actor, Act.HIT_JUDGED, str(media_id), **details)
    return before


def list_said(services: Services, kind: QueryKind, query: str) -> dict[uuid.UUID, bool]:
    """What was said of the hits of a query. Raises InvalidQuery for one that is none."""
    query = canonical(kind, query)
    with services.database.transaction() as session:
        return find_judgements(session, kind, query)


def canonical(kind: QueryKind, query: str) -> str:
    """The query as it is stored: words with single spaces, an id in its usual form.

    Raises:
        InvalidQuery: it is empty or too long, cannot be stored, or is no id.
    """
    if kind is QueryKind.MEDIA:
        try:
            return str(uuid.UUID(query))
        except ValueError:
            raise InvalidQuery(f"{query[:60]!r} is no id of a media.", hint="Give its id.", field="query") from None
    words = " ".join(query.split())
    storable = "\0" not in words and not any("\ud800" <= character <= "\udfff" for character in words)
    if not words or len(words) > _MOST_CHARACTERS or not storable:
        raise InvalidQuery(
            "The query is empty, too long, or holds characters that are none.",
            hint=f"Give 1 to {_MOST_CHARACTERS:,} characters.",
            field="query",
        )
    return words
