"""Batches of queries: a file of texts or a folder of pictures, each searched separately."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from backend.errors import FileUnreadable, InputError
from backend.features.search.hits import Answer
from backend.features.search.query import SearchQuery
from backend.features.search.search import Searcher
from backend.files.folders import looks_like_picture, walk_pictures


@dataclass(frozen=True)
class BatchAnswer:
    """Result of one query: an answer or an error."""

    name: str
    answer: Answer | None
    error: InputError | None = None


def list_queries(source: Path) -> list[str | Path]:
    """Read queries: one text per line of a file, the pictures of a folder, or one picture.

    Raises:
        FileUnreadable: the source does not exist or is not UTF-8 text.
    """
    if source.is_dir() or looks_like_picture(source):
        return list(walk_pictures([source]))
    try:
        lines = source.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FileUnreadable(
            f"{source} cannot be read: {error}.", hint="Name a folder of pictures, or a UTF-8 file with a query a line."
        ) from error
    return [line.strip() for line in lines if line.strip()]


def answer_all(searcher: Searcher, queries: list[str | Path], shared: SearchQuery) -> Iterator[BatchAnswer]:
    """Answer each query with the filters and settings of `shared`. An invalid one does not stop the others."""
    for query in queries:
        try:
            yield BatchAnswer(str(query), searcher.search(_one(shared, query)))
        except InputError as error:
            yield BatchAnswer(str(query), None, error)


def _one(shared: SearchQuery, query: str | Path) -> SearchQuery:
    if isinstance(query, str):
        return replace(shared, words=query)
    try:
        return replace(shared, pictures=(query.read_bytes(),))
    except OSError as error:
        raise FileUnreadable(f"{query} cannot be read: {error.strerror}.", hint="Check its permissions.") from error
