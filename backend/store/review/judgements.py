"""Queries on curators' judgements of hits."""

import enum
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.store.arrays import is_among
from backend.store.schema import JudgedPicture, Judgement
from backend.store.statements import contains_folded


class QueryKind(enum.StrEnum):
    """Kinds of queries: `words` is a text, `media` a stored picture, `picture` a dropped picture, alone or with text."""

    WORDS = "words"
    MEDIA = "media"
    PICTURE = "picture"


@dataclass(frozen=True)
class JudgementFilter:
    """Conditions on judgements. `query` is a text that must occur in the query. None does not filter."""

    kind: QueryKind | None = None
    query: str | None = None
    media_id: uuid.UUID | None = None
    is_right: bool | None = None
    actor: str | None = None


JudgementKey = tuple[datetime, str, str, uuid.UUID]
"""Sort key of the last row on a page: judged_at, query_kind, query, media_id."""


def find_judgement(session: Session, kind: QueryKind, query: str, media_id: uuid.UUID) -> bool | None:
    """The judgement of a hit, None if there is none."""
    found = session.get(Judgement, (kind.value, query, media_id), populate_existing=True)
    return None if found is None else found.is_right


def find_judgements(session: Session, kind: QueryKind, query: str) -> dict[uuid.UUID, bool]:
    """All judgements of a query's hits."""
    rows = session.execute(
        select(Judgement.media_id, Judgement.is_right).where(
            Judgement.query_kind == kind.value, Judgement.query == query
        )
    )
    return {row.media_id: row.is_right for row in rows}


def record_judgement(
    session: Session, kind: QueryKind, query: str, media_id: uuid.UUID, *, is_right: bool, actor: str
) -> None:
    """Store a judgement, replacing an earlier one. The picture of a query must be stored first."""
    values = {"is_right": is_right, "actor": actor}
    statement = insert(Judgement).values(
        query_kind=kind.value,
        query=query,
        media_id=media_id,
        query_media_id=uuid.UUID(query) if kind is QueryKind.MEDIA else None,
        query_sha256=checksum_in(query) if kind is QueryKind.PICTURE else None,
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
    """All judgements, query by query."""
    return iter(session.scalars(select(Judgement).order_by(Judgement.query_kind, Judgement.query, Judgement.media_id)))


def list_newest_judgements(
    session: Session, wanted: JudgementFilter, *, limit: int, before: JudgementKey | None = None
) -> list[Judgement]:
    """A page of judgements, newest first, in a fixed order among equal times."""
    key = (Judgement.judged_at, Judgement.query_kind, Judgement.query, Judgement.media_id)
    query = select(Judgement).order_by(*(column.desc() for column in key)).limit(limit)
    for column, value in (
        (Judgement.query_kind, None if wanted.kind is None else wanted.kind.value),
        (Judgement.media_id, wanted.media_id),
        (Judgement.is_right, wanted.is_right),
        (Judgement.actor, wanted.actor),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.query:
        # Search the text only, since nobody looks for an id or a checksum.
        said = sa.case(
            (Judgement.query_kind == QueryKind.WORDS.value, Judgement.query),
            (Judgement.query_kind == QueryKind.PICTURE.value, func.substr(Judgement.query, 66)),
            else_=sa.literal(""),
        )
        query = query.where(contains_folded(said, wanted.query))
    if before is not None:
        query = query.where(sa.tuple_(*key) < sa.tuple_(*(sa.literal(value) for value in before)))
    return list(session.scalars(query))


def checksum_in(query: str) -> bytes:
    """The checksum at the start of a query by a picture."""
    return bytes.fromhex(query[:64])


def words_in(query: str) -> str:
    """The text of a query by a picture, empty if there is none."""
    return query[65:]


def describe_query(kind: QueryKind, query: str) -> str:
    """Describe a query for people. A picture is shown by the beginning of its checksum."""
    return " ".join(["picture", query[:8], words_in(query)]).strip() if kind is QueryKind.PICTURE else query


def is_picture_kept(session: Session, sha256: bytes) -> bool:
    return session.execute(select(sa.literal(1)).where(JudgedPicture.sha256 == sha256)).one_or_none() is not None


def keep_picture(session: Session, sha256: bytes, content: bytes) -> None:
    """Store a picture under the checksum of the dropped file, unless it exists."""
    session.execute(insert(JudgedPicture).values(sha256=sha256, content=content).on_conflict_do_nothing())


def find_picture(session: Session, sha256: bytes) -> bytes | None:
    """The WebP of a stored query picture."""
    return session.scalar(select(JudgedPicture.content).where(JudgedPicture.sha256 == sha256))


def list_kept_pictures(session: Session, checksums: Sequence[bytes]) -> dict[bytes, bytes]:
    """Stored query pictures by checksum."""
    rows = session.execute(
        select(JudgedPicture.sha256, JudgedPicture.content).where(is_among(JudgedPicture.sha256, checksums))
    )
    return {row.sha256: row.content for row in rows}


def drop_unjudged_pictures(session: Session, *, older_seconds: float = 0.0) -> None:
    """Delete pictures without judged hits. Recent ones may be judged soon, so they can be excluded."""
    session.execute(
        delete(JudgedPicture).where(
            ~select(Judgement).where(Judgement.query_sha256 == JudgedPicture.sha256).exists(),
            JudgedPicture.kept_at < func.now() - func.make_interval(0, 0, 0, 0, 0, 0, older_seconds),
        )
    )
