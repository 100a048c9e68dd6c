"""The candidates of one page, from the fused indexes or from the captions."""

import uuid
from dataclasses import dataclass, replace

import numpy as np

from backend.features.search.captions import nearest_captions
from backend.features.search.nomination import nominate
from backend.features.search.query import Find, SearchQuery
from backend.rules.search import FusionMethod, Place, Query, Vector
from backend.store.engine import Session
from backend.store.search import ScanKeeper, count_about, match

CAPTION_LEG = "caption"


@dataclass(frozen=True, eq=False)
class Pool:
    """Candidates with exact cosines.

    sim_image, sim_text: (n,) NaN where missing; for captions sim_image is the cosine of picture and caption.
    nominated_by: names of legs for each; whole: whether every media that passes the filters is among them; depth: of the
    raw sums at the alpha that they were drawn by, so many best are here, and as many of the media without text;
    image_reach, text_reach: no media that is not here has a greater cosine on this leg; None where that is not known.
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


def draw_pool(
    session: Session,
    query: SearchQuery,
    vectors: Query,
    depth: int,
    alpha: float,
    scans: ScanKeeper | None = None,
) -> Pool:
    """At least the `depth` best by the raw sum at `alpha`, or all that there are."""
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
        # Diversity compares each candidate with each other, so there are no more than asked for.
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
    """How many media the hits are the best of, after filters; about, where they are many."""
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
    """The examples themselves are no hits."""
    return (*query.media_ids, *query.not_media_ids)
