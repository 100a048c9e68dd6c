"""What an export reads: media of the active space with words, group and vectors, in upload order."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import psycopg
from sqlalchemy.orm import Session

from backend.store.engine import limit_idling

_ROWS: Final = 1024
_FROM: Final = """
  FROM media
  JOIN embedding ON embedding.media_id = media.id AND embedding.space_id = :space
  JOIN membership ON membership.media_id = media.id AND membership.space_id = :space
  JOIN cluster ON cluster.id = membership.cluster_id
 WHERE media.status = 'ready'
   AND (cardinality(:clusters::bigint[]) = 0 OR membership.cluster_id = ANY(:clusters::bigint[]))
   AND (cardinality(:keywords::text[]) = 0 OR lowercase_keywords(media.keywords) && :keywords::text[])
"""
WORDS: Final = ("title", "caption", "location", "story")
COLUMNS: Final = (
    *("id", "path", *WORDS, "keywords", "taken_at", "cluster_id", "cluster_label", "similarity"),
    *("image", "text", "caption_vector"),
)
_SELECT: Final = """
SELECT media.id, coalesce(media.source_uri, ''), media.title, media.caption, media.location, media.story, media.keywords,
       media.taken_at, membership.cluster_id, cluster.label, membership.similarity,
       embedding.image_embedding, embedding.text_embedding, embedding.caption_embedding
"""


def count_exported(session: Session, space_id: int, clusters: Sequence[int], keywords: Sequence[str]) -> int:
    """How many media `iterate_exported` brings."""
    with _driver(session).cursor() as cursor:
        row = cursor.execute(f"SELECT count(*) {_FROM}".encode(), _parameters(space_id, clusters, keywords)).fetchone()
    assert row is not None
    return int(row[0])


def get_widths(session: Session, space_id: int, clusters: Sequence[int], keywords: Sequence[str]) -> list[int]:
    """The longest path, title, caption, location, story, keywords (joined) and label, in characters."""
    values = [
        "media.source_uri",
        *(f"media.{name}" for name in WORDS),
        "array_to_string(media.keywords, ', ')",
        "cluster.label",
    ]
    statement = f"SELECT {', '.join(f'coalesce(max(char_length({value})), 0)' for value in values)} {_FROM}"
    with _driver(session).cursor() as cursor:
        row = cursor.execute(statement.encode(), _parameters(space_id, clusters, keywords)).fetchone()
    assert row is not None
    return [int(width) for width in row]


def iterate_exported(
    session: Session, space_id: int, clusters: Sequence[int], keywords: Sequence[str]
) -> Iterator[list[dict[str, Any]]]:
    """Records (`COLUMNS`), up to 1,024 at a time, through a cursor on the server; vectors as numpy."""
    limit_idling(session, 0)  # whoever reads may take their time
    with _driver(session).cursor(name="exported") as cursor:
        statement = f"{_SELECT} {_FROM} ORDER BY media.upload_seq"
        cursor.execute(statement.encode(), _parameters(space_id, clusters, keywords), binary=True)
        while rows := cursor.fetchmany(_ROWS):
            yield [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def _parameters(space_id: int, clusters: Sequence[int], keywords: Sequence[str]) -> dict[str, Any]:
    return {"space": space_id, "clusters": list(clusters), "keywords": [word.lower() for word in keywords]}


def _driver(session: Session) -> psycopg.Connection[Any]:
    connection = session.connection().connection.driver_connection
    assert isinstance(connection, psycopg.Connection)
    return connection
