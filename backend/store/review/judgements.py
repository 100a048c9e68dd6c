"""Queries on what curators say of hits."""

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


class QueryKind(enum.StrEnum):
    """words: typed into the search; media: what is like a stored media; picture: what is like a picture that was dropped into
    the search, alone or with words."""

    WORDS = "words"
    MEDIA = "media"
    PICTURE = "picture"


@dataclass(frozen=True)
class JudgementFilter:
    """What a list is narrowed to. query: words that occur in it; None of each narrows nothing."""

    kind: QueryKind | None = None
    query: str | None = None
    media_id: uuid.UUID | None = None
    is_right: bool | None = None
    actor: str | None = None


Place = tuple[datetime, str, str, uuid.UUID]
"""Where a page ended: judged_at, query_kind, query, media_id."""


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
    return {row.media_id: row.is_right for row in rows}


def record_judgement(
    session: Session, kind: QueryKind, query: str, media_id: uuid.UUID, *, is_right: bool, actor: str
) -> None:
    """Put this word in the place of an earlier one. The picture of a query has to be kept already."""
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
    """All of them, query by query."""
    return iter(session.scalars(select(Judgement).order_by(Judgement.query_kind, Judgement.query, Judgement.media_id)))


def list_newest_judgements(
    session: Session, wanted: JudgementFilter, *, limit: int, before: Place | None = None
) -> list[Judgement]:
    """The newest first, and of those of one moment in a fixed order."""
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
        # In the words alone: an id or a checksum is no word that anybody looks for.
        said = sa.case(
            (Judgement.query_kind == QueryKind.WORDS.value, Judgement.query),
            (Judgement.query_kind == QueryKind.PICTURE.value, func.substr(Judgement.query, 66)),
            else_=sa.literal(""),
        )
        query = query.where(said.icontains(wanted.query, autoescape=True))
    if before is not None:
        query = query.where(sa.tuple_(*key) < sa.tuple_(*(sa.literal(value) for value in before)))
    return list(session.scalars(query))


def checksum_in(query: str) -> bytes:
    """The checksum that a query by a picture begins with."""
    return bytes.fromhex(query[:64])


def words_in(query: str) -> str:
    """The words beside the picture of such a query, nothing where there are none."""
    return query[65:]


def describe_query(kind: QueryKind, query: str) -> str:
    """For people: of a picture the beginning of its checksum."""
    return " ".join(["picture", query[:8], words_in(query)]).strip() if kind is QueryKind.PICTURE else query


def is_picture_kept(session: Session, sha256: bytes) -> bool:
    return session.execute(select(sa.literal(1)).where(JudgedPicture.sha256 == sha256)).one_or_none() is not None


def keep_picture(session: Session, sha256: bytes, content: bytes) -> None:
    """Keep a picture under the checksum of what was dropped; nothing where it is kept already."""
    session.execute(insert(JudgedPicture).values(sha256=sha256, content=content).on_conflict_do_nothing())


def find_picture(session: Session, sha256: bytes) -> bytes | None:
    """The WebP of a kept picture."""
    return session.scalar(select(JudgedPicture.content).where(JudgedPicture.sha256 == sha256))


def list_kept_pictures(session: Session, checksums: Sequence[bytes]) -> dict[bytes, bytes]:
    """Kept pictures by checksum."""
    rows = session.execute(
        select(JudgedPicture.sha256, JudgedPicture.content).where(is_among(JudgedPicture.sha256, checksums))
    )
    return {row.sha256: row.content for row in rows}


def drop_unjudged_pictures(session: Session, *, older_seconds: float = 0.0) -> None:
    """Pictures of whose hits nothing is said (any more). Younger ones may be about to be judged."""
    session.execute(
        delete(JudgedPicture).where(
            ~select(Judgement).where(Judgement.query_sha256 == JudgedPicture.sha256).exists(),
            JudgedPicture.kept_at < func.now() - func.make_interval(0, 0, 0, 0, 0, 0, older_seconds),
        )
    )
