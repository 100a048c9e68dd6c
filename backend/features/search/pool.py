"""The candidates for one page, from the fused indexes or from the captions."""

import uuid
from dataclasses import dataclass, replace

import numpy as np

from backend.features.search.captions import nearest_captions
from backend.features.search.nomination import nominate
from backend.features.search.query import Find, SearchQuery
from backend.features.search.vector_source import VectorSource
from backend.rules.search import FusionMethod, LastHit, Query, Vector
from backend.store.engine import Session
from backend.store.search import count_about, match

CAPTION_LEG = "caption"


@dataclass(frozen=True, eq=False)
class Pool:
    """Candidates with exact cosines.

    Attributes:
        media_ids: n pictures.
        sim_image: (n,) cosines, NaN if missing. For captions, the cosine of picture and caption.
        sim_text: (n,) cosines, NaN if missing.
        nominated_by: names of the legs of each.
        certified: whether no better candidate can have been missed.
        whole: whether all pictures that pass the filters are included.
        depth: how many of the best by the raw sum are included, and how many pictures without text.
        image_reach: upper bound of the image cosine of all other pictures, None if unknown.
        text_reach: the same for the text cosine.
    """

    media_ids: list[uuid.UUID]
    sim_image: Vector
    sim_text: Vector
    nominated_by: list[tuple[str, ...]]
    certified: bool
    whole: bool
    depth: int
    image_reach: float | None = None
    text_reach: float | None = None

    def holding(self, last: LastHit | None) -> "Pool":
        """The pool with the last hit of the previous page appended, unless it is already a candidate."""
        if last is None or last.media_id in self.media_ids:
            return self
        sims = (np.nan if sim is None else sim for sim in (last.sim_image, last.sim_text))
        image, text = (np.append(leg, sim) for leg, sim in zip((self.sim_image, self.sim_text), sims, strict=True))
        return replace(
            self,
            media_ids=[*self.media_ids, last.media_id],
            sim_image=image,
            sim_text=text,
            nominated_by=[*self.nominated_by, ()],
        )


def draw_pool(
    session: Session,
    query: SearchQuery,
    vectors: Query,
    depth: int,
    alpha: float,
    scans: VectorSource | None = None,
) -> Pool:
    """At least the `depth` best by the raw sum at `alpha`, or all if there are fewer."""
    if query.find is Find.CAPTIONS:
        return _draw_captions(session, query, vectors, depth)
    found = nominate(
        session,
        vectors.image,
        vectors.text,
        k=depth,
        alpha=alpha,
        filters=query.filters,
        exclude=_excluded(query),
        mode=query.effort,
        # Diversity compares all pairs of candidates, so do not draw more than requested.
        for_any_order=query.wanted_method is not FusionMethod.RAW and query.diversity == 0,
        scans=scans,
    )
    legs = [tuple(sorted(leg.value for leg in legs)) for legs in found.nominated_by]
    whole = found.whole or len(found.media_ids) < depth
    return Pool(
        list(found.media_ids),
        found.sim_image,
        found.sim_text,
        legs,
        found.certified,
        whole,
        depth,
        found.image_reach,
        found.text_reach,
    )


def count_eligible(session: Session, query: SearchQuery) -> int:
    """Number of pictures that pass the filters; an estimate if it is large."""
    return count_about(session, match(**vars(query.filters), exclude=_excluded(query)))


def _draw_captions(session: Session, query: SearchQuery, vectors: Query, depth: int) -> Pool:
    found = nearest_captions(
        session,
        np.zeros(0) if vectors.image is None else vectors.image,
        k=depth,
        filters=query.filters,
        exclude=_excluded(query),
        mode=query.effort,
    )
    count = len(found.media_ids)
    return Pool(
        found.media_ids,
        found.similarity,
        np.full(count, np.nan),
        [(CAPTION_LEG,)] * count,
        certified=found.certified,
        whole=count < depth,
        depth=depth,
    )


def _excluded(query: SearchQuery) -> tuple[uuid.UUID, ...]:
    """Stored examples, which are not hits of their own query."""
    return (*query.media_ids, *query.not_media_ids)
