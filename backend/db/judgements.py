"""Queries on what curators say of hits."""

import enum
import uuid
from collections.abc import Iterator

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.db.tables import Judgement


class QueryKind(enum.StrEnum):
    """words: typed into the search; media: what is like a stored media."""

    WORDS = "words"
    MEDIA = "media"


def find_judgement(session: Session, kind: QueryKind, query: str, media_id: uuid.UUID) -> bool | None:
    """Whether a media was said to be right for a query; None where nobody has said anything."""
    found = session.get(Judgement, (kind.value, query, media_id), populate_existing=True)
    return None if found is None else found.is_right


def find_judgements(session: Session, kind: QueryKind, query: str) -> dict[uuid.UUID, bool]:
    """Everything that was said of the hits of one query."""
    rows = session.execute(
        select(Judgement.media_id, Judgement.is_right).where(
            Judgement.query_kind == kind.value, Judgement.query == query
        )
    )
    return {row[0]: row[1] for row in rows}


def record_judgement(
    session: Session, kind: QueryKind, query: str, media_id: uuid.UUID, *, is_right: bool, actor: str
) -> None:
    """Put this word in the place of an earlier one."""
    values = {"is_right": is_right, "actor": actor}
    statement = insert(Judgement).values(
        query_kind=kind.value,
        query=query,
        media_id=media_id,
        query_media_id=uuid.UUID(query) if kind is QueryKind.MEDIA else None,
        **values,
    )
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["query_kind", "query", "media_id"], set_={**values, "judged_at": func.now()}
        )
    )


def delete_judgement(session: Session, kind: QueryKind, query: str, media_id: uuid.UUID) -> None:
    session.execute(
        delete(Judgement).where(
            Judgement.query_kind == kind.value, Judgement.query == query, Judgement.media_id == media_id
        )
    )


def list_judgements(session: Session) -> Iterator[Judgement]:
    """All of them, query by query."""
    return iter(session.scalars(select(Judgement).order_by(Judgement.query_kind, Judgement.query, Judgement.media_id)))
