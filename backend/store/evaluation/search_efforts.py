"""Queries about the effort of searches by index: what it is learned from, and what was learned."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pgvector import Vector
from sqlalchemy import delete, text
from sqlalchemy.orm import Session

from backend.store.arrays import as_weight, fetch_arrays
from backend.store.schema import SearchEffort
from backend.store.statements import Statements

_SQL = Statements(__file__)
_LOCK = 0x6D63_0031


@dataclass(frozen=True, eq=False)
class SampleQuery:
    """Vectors of a stored picture as queries: its own image vector (d_image,), the vector of its words (d_text,), and the words in the
    image encoder's text tower (d_image,). The last two are None without words."""

    image: NDArray[np.float32]
    words: NDArray[np.float32] | None
    caption: NDArray[np.float32] | None


@dataclass(frozen=True)
class LearnedEffort:
    """The effort of one kind of search; see `schema.SearchEffort`."""

    sides: str
    k: int
    alpha: float
    effort: int
    recall: float


def lock_efforts(session: Session) -> bool:
    """Take the lock for learning until the transaction ends. False if another one holds it."""
    return bool(session.execute(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": _LOCK}).scalar_one())


def sample_queries(session: Session, count: int) -> list[SampleQuery]:
    """Vectors of random pictures in the active space."""
    rows = fetch_arrays(session, _SQL("sample_queries"), {"count": count})
    return [SampleQuery(row.image, row.words, row.caption) for row in rows]


def find_by_index(
    session: Session,
    image: NDArray[np.float32] | None,
    words: NDArray[np.float32] | None,
    k: int,
    alpha: float,
    effort: int,
) -> list[float]:
    """The combined values that one pass of `search_media` at this effort finds, best first."""
    rows = fetch_arrays(
        session,
        "SELECT combined FROM search_media_by_index(:image::vector, :words::vector, :k, :alpha, :effort)",
        {
            "image": None if image is None else Vector(image),
            "words": None if words is None else Vector(words),
            "k": k,
            "alpha": as_weight(alpha),
            "effort": effort,
        },
    )
    return [row.combined for row in rows]


def replace_efforts(session: Session, space_id: int, media_count: int, learned: Iterable[LearnedEffort]) -> None:
    """Store what was learned for a space of this size, and forget what was known."""
    session.execute(delete(SearchEffort).where(SearchEffort.space_id == space_id))
    session.add_all(SearchEffort(space_id=space_id, media_count=media_count, **vars(one)) for one in learned)


def is_audit_due(session: Session, least_media: int, least_seconds: float) -> bool:
    """Whether a library of more than `least_media` has grown by half since its efforts were learned, and had no audit for so many seconds."""
    asked = {"least": least_media, "seconds": least_seconds}
    return bool(session.execute(text(_SQL("is_audit_due")), asked).scalar_one())
