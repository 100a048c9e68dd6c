"""The candidates of one page, from the fused indexes or from the captions."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from pgvector import Vector as PgVector
from sqlalchemy.orm import Session

from backend.db.arrays import fetch_arrays
from backend.db.candidates import count_matching, match
from backend.search.candidates import nominate
from backend.search.examples import Query
from backend.search.filters import Filters
from backend.search.legs import Vector
from backend.search.paging import Place
from backend.search.query import Find, SearchQuery

CAPTION_LEG = "caption"
_COUNT_LIMIT = 2**31 - 1


@dataclass(frozen=True, eq=False)
class Pool:
    """Candidates with exact cosines.

    sim_image, sim_text: (n,) NaN where missing; for captions sim_image is the cosine of picture and caption.
    nominated_by: names of legs for each; whole: whether every media that passes the filters is among them.
    """

    media_ids: list[uuid.UUID]
    sim_image: Vector
    sim_text: Vector
    nominated_by: list[tuple[str, ...]]
    certified: bool
    whole: bool

    def holding(self, place: Place | None) -> "Pool":
        """With the last hit of the page before as a row at the end, where it is not a candidate (any more)."""
        if place is None or place.media_id in self.media_ids:
            return self
        sims = (np.nan if sim is None else sim for sim in (place.sim_image, place.sim_text))
        image, text = (np.append(leg, sim) for leg, sim in zip((self.sim_image, self.sim_text), sims, strict=True))
        return replace(
            self,
            media_ids=[*self.media_ids, place.media_id],
            sim_image=image,
            sim_text=text,
            nominated_by=[*self.nominated_by, ()],
        )


def draw_pool(session: Session, query: SearchQuery, vectors: Query, depth: int, alpha: float) -> Pool:
    """At least the `depth` best by the raw sum at `alpha`, or all that there are."""
    exclude = (*query.media_ids, *query.not_media_ids)
    if query.find is Find.CAPTIONS:
        return _draw_captions(session, query.filters, vectors, depth, exclude)
    found = nominate(
        session,
        vectors.image,
        vectors.text,
        k=depth,
        alpha=alpha,
        filters=query.filters,
        exclude=exclude,
        mode=query.effort,
    )
    legs = [tuple(sorted(leg.value for leg in legs)) for legs in found.nominated_by]
    whole = len(found.media_ids) < depth
    return Pool(list(found.media_ids), found.sim_image, found.sim_text, legs, found.certified, whole)


def count_eligible(session: Session, query: SearchQuery) -> int:
    """How many media the hits are the best of, after filters."""
    excluded = (*query.media_ids, *query.not_media_ids)
    return count_matching(session, match(**vars(query.filters), exclude=excluded), _COUNT_LIMIT)


def _draw_captions(
    session: Session, filters: Filters, vectors: Query, depth: int, exclude: Sequence[uuid.UUID]
) -> Pool:
    """Read and sorted whole: captions have no index, and this is exact under any filter."""
    matching = match(**vars(filters), exclude=exclude)
    rows = fetch_arrays(
        session,
        "SELECT e.media_id, 1 - (e.caption_embedding <=> %(image)s::vector) AS similarity "  # noqa: S608 - of constants
        f"FROM media_embedding e WHERE e.caption_embedding IS NOT NULL AND {matching.condition} "
        "ORDER BY similarity DESC, e.media_id LIMIT %(depth)s",
        matching.parameters | {"image": PgVector(np.asarray(vectors.image, dtype=np.float32)), "depth": depth},
    )
    similarities = np.array([row[1] for row in rows], dtype=np.float64)
    return Pool(
        [row[0] for row in rows],
        similarities,
        np.full(len(rows), np.nan),
        [(CAPTION_LEG,)] * len(rows),
        certified=True,
        whole=len(rows) < depth,
    )
