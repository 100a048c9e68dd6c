"""Queries for candidates of a fused query: by HNSW indexes, or by computing all matching pictures."""

import json
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector, Vector
from sqlalchemy import text
from sqlalchemy.orm import Session

from backend.rules.search import Filters
from backend.store.arrays import as_weight, fetch_arrays
from backend.store.search.policy import SEARCH_POLICY
from backend.store.statements import Statements

_SQL = Statements(__file__)
# Limit of an index scan with filters. What it misses is found by reading all rows.
_MAX_SCAN_TUPLES = 100_000
_MEMORY_MULTIPLIER = 8
_COUNTED = 20_000

# `CAST`, since SQLAlchemy does not see placeholders with a suffix.
_ON_MEDIA = {
    "keywords_any": "folded_keywords(media.keywords) && folded_keywords(CAST(:keywords_any AS text[]))",
    "keywords_all": "folded_keywords(media.keywords) @> folded_keywords(CAST(:keywords_all AS text[]))",
    "taken_from": "media.taken_at >= :taken_from",
    "taken_until": "media.taken_at <= :taken_until",
    "location": "strpos(folded(media.location), folded(:location)) > 0",
    "mime": "media.mime = ANY(CAST(:mime AS text[]))",
    "source": "media.source = ANY(CAST(:source AS text[]))",
}
_IN_CLUSTERS = (
    "EXISTS (SELECT FROM membership WHERE membership.media_id = {} "
    "AND membership.cluster_id = ANY(CAST(:cluster_ids AS bigint[])))"
)
# Follows from the filter of that name, and lets an index find the pictures. Where pictures are tested one by one it only costs time.
_FOR_INDEX = {"location": "folded_trigrams(media.location) @> folded_trigrams(:location)"}


@dataclass(frozen=True)
class Matching:
    """An SQL condition on `e.media_id` with placeholders, and their values.

    Attributes:
        condition: for statements that look for all matching pictures.
        parameters: the values.
        probe: the same condition for statements that test given pictures, such as those that an index of vectors meets; '' if it is
            no different.
    """

    condition: str
    parameters: dict[str, Any]
    probe: str = ""

    def applied_to(self, statement: str) -> str:
        """The statement with the condition in place of `{matching}` and the probe in place of `{probing}`."""
        return statement.replace("{matching}", self.condition).replace("{probing}", self.probe or self.condition)


@dataclass(frozen=True)
class Limits:
    """Number of rows per leg, 0 for none, and the effort of index scans (hnsw.ef_search)."""

    image: int
    text: int
    fused: int
    textless: int
    effort: int


@dataclass(frozen=True)
class Nomination:
    """A candidate with its cosines to the query, None if a side is missing, and the legs that found it."""

    media_id: uuid.UUID
    sim_image: float | None
    sim_text: float | None
    legs: list[str]


@dataclass(frozen=True)
class QueryVectors:
    """Vectors of a query: image (d_image,) or None, text (d_text,) or None, and the weight of the image similarity."""

    image: NDArray[np.float32] | None
    text: NDArray[np.float32] | None
    alpha: float

    def parameters(self) -> dict[str, Any]:
        fused = None
        if self.image is not None and self.text is not None:
            fused = HalfVector(np.concatenate([self.alpha * self.image, (1 - self.alpha) * self.text]))
        return {
            "image": None if self.image is None else Vector(self.image),
            "text": None if self.text is None else Vector(self.text),
            "fused": fused,
            "alpha": as_weight(self.alpha),
        }


def match(
    *,
    cluster_ids: Collection[int] = (),
    keywords_any: Collection[str] = (),
    keywords_all: Collection[str] = (),
    taken_from: datetime | None = None,
    taken_until: datetime | None = None,
    location: str = "",
    mime: Collection[str] = (),
    source: Collection[str] = (),
    exclude: Collection[uuid.UUID] = (),
) -> Matching:
    """The condition for filters (see `backend.rules.search.filters`), joined by AND. Empty filters are omitted."""
    values = _filled(
        {
            "keywords_any": keywords_any,
            "keywords_all": keywords_all,
            "taken_from": taken_from,
            "taken_until": taken_until,
            "location": location,
            "mime": list(mime),
            "source": list(source),
        }
    )
    condition, probe = (
        [f"EXISTS (SELECT FROM media WHERE media.id = e.media_id AND {' AND '.join(on_media)})"] if on_media else []
        for on_media in (_on_media(values, for_index=True), _on_media(values, for_index=False))
    )
    more = []
    if cluster_ids:
        values["cluster_ids"] = list(cluster_ids)
        more.append(_IN_CLUSTERS.format("e.media_id"))
    if exclude:
        values["exclude"] = list(exclude)
        more.append("e.media_id <> ALL(CAST(:exclude AS uuid[]))")
    return Matching(" AND ".join(condition + more) or "true", values, " AND ".join(probe + more))


def match_media(filters: Filters) -> Matching:
    """Like `match`, a condition on the rows of `media` themselves, embedded or not."""
    own = {name: list(value) if isinstance(value, tuple) else value for name, value in vars(filters).items()}
    cluster_ids = own.pop("cluster_ids")
    values = _filled(own)
    conditions = _on_media(values, for_index=True)
    if cluster_ids:
        values["cluster_ids"] = cluster_ids
        conditions.append(_IN_CLUSTERS.format("media.id"))
    return Matching(" AND ".join(conditions) or "true", values)


def _filled(filters: Mapping[str, Any]) -> dict[str, Any]:
    """The values of filters that are not empty, as parameters."""
    return {
        name: [one.strip() for one in value] if name in {"keywords_any", "keywords_all"} else value
        for name, value in filters.items()
        if value
    }


def _on_media(values: Mapping[str, Any], *, for_index: bool) -> list[str]:
    return [_ON_MEDIA[name] for name in values] + [
        condition for name, condition in _FOR_INDEX.items() if for_index and name in values
    ]


def estimate_matching(session: Session, matching: Matching) -> int:
    """Number of matches as estimated by the planner, at the cost of planning."""
    rows = fetch_arrays(
        session,
        f"EXPLAIN (FORMAT JSON) SELECT FROM media_embedding e WHERE {matching.condition}",
        matching.parameters,
    )
    (plan,) = rows[0]
    return int((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]["Plan Rows"])


def count_matching(session: Session, matching: Matching, limit: int) -> int:
    """Number of matches, or `limit` if there are at least so many."""
    rows = fetch_arrays(
        session, matching.applied_to(_SQL("count_matching")), matching.parameters | {"count_limit": limit}
    )
    return int(rows[0].media)


def count_about(session: Session, matching: Matching) -> int:
    """Number of matches: counted if they are few, otherwise the planner's estimate, which reads no rows."""
    estimate = estimate_matching(session, matching)
    return estimate if estimate > _COUNTED else count_matching(session, matching, 2**31 - 1)


def nominate_by_index(session: Session, query: QueryVectors, matching: Matching, limits: Limits) -> list[Nomination]:
    """Candidates of the legs, in no particular order. Restores the settings of the transaction."""
    parameters = {
        "image_limit": limits.image if query.image is not None else 0,
        "text_limit": limits.text if query.text is not None else 0,
        "fused_limit": limits.fused if query.image is not None and query.text is not None else 0,
        "textless_limit": limits.textless if query.image is not None else 0,
        "unmeasured_limit": limits.textless if query.image is None else 0,
    }
    with _searching(session, limits.effort):
        return _fetch(session, "nominate", query, matching, parameters)


def nearest_exactly(session: Session, query: QueryVectors, matching: Matching, k: int) -> list[Nomination]:
    """The k nearest of all matching pictures, best first, computed exactly."""
    return _fetch(session, "nearest_exactly", query, matching, {"k": k})


def nominate_captions(
    session: Session, image: NDArray[np.float32], matching: Matching, k: int, effort: int
) -> list[tuple[uuid.UUID, float]]:
    """Pictures with the cosines of their captions to a picture (d_image,), nearest first as far as the index knows. Restores the
    settings of the transaction."""
    with _searching(session, effort):
        return _fetch_captions(
            session, "nominate_captions", image, matching, {"k": k, "depth": SEARCH_POLICY.depth(k, effort)}
        )


def nearest_captions_exactly(
    session: Session, image: NDArray[np.float32], matching: Matching, k: int
) -> list[tuple[uuid.UUID, float]]:
    """The k pictures whose captions are nearest to a picture (d_image,) among all matching ones, computed exactly."""
    return _fetch_captions(session, "nearest_captions_exactly", image, matching, {"k": k})


def _fetch_captions(
    session: Session, name: str, image: NDArray[np.float32], matching: Matching, limits: dict[str, int]
) -> list[tuple[uuid.UUID, float]]:
    rows = fetch_arrays(
        session, matching.applied_to(_SQL(name)), matching.parameters | {"image": Vector(image)} | limits
    )
    return [(row.media_id, row.similarity) for row in rows]


def _fetch(
    session: Session, name: str, query: QueryVectors, matching: Matching, parameters: dict[str, Any]
) -> list[Nomination]:
    rows = fetch_arrays(session, matching.applied_to(_SQL(name)), matching.parameters | query.parameters() | parameters)
    return [Nomination(**row._asdict()) for row in rows]


@contextmanager
def _searching(session: Session, effort: int) -> Iterator[None]:
    """Apply pgvector's settings for one statement. Results are sorted afterwards, so scans use relaxed order; strict order would drop
    rows that they meet too late. After an error the transaction is lost, with its settings.
    """
    settings = {
        "hnsw.ef_search": str(max(1, min(SEARCH_POLICY.most_effort, effort))),
        "hnsw.iterative_scan": "relaxed_order",
        "hnsw.max_scan_tuples": str(_MAX_SCAN_TUPLES),
        "hnsw.scan_mem_multiplier": str(_MEMORY_MULTIPLIER),
        "plan_cache_mode": "force_custom_plan",
    }
    before: dict[str, str | None] = dict(
        session.execute(
            # NULL until the connection has used a vector. Setting NULL restores the default.
            text("SELECT name, current_setting(name, true) FROM unnest(CAST(:names AS text[])) AS name"),
            {"names": list(settings)},
        ).all()
    )
    _set(session, settings)
    yield
    _set(session, before)


def _set(session: Session, settings: Mapping[str, str | None]) -> None:
    session.execute(
        text(
            "SELECT set_config(name, value, true) FROM unnest(CAST(:names AS text[]), CAST(:values AS text[])) t(name, value)"
        ),
        {"names": list(settings), "values": list(settings.values())},
    )
