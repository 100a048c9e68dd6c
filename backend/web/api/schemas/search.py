"""Request and response models of search."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import UploadFile
from pydantic import BaseModel, ConfigDict, Field

from backend.bounds import ALPHA, COSINE, DIVERSITY, HITS
from backend.features.search import AlphaHit, AlphaInsight, Answer, Effort, Find, Hit, HitOrder, Relevance, SearchQuery
from backend.rules.dates import read_begin, read_end
from backend.rules.search import Filters, FusionMethod
from backend.web.api.schemas.schemas import Schema, ShownTitle

_MEDIA_ID = "0192f0c1-7d1e-7cc0-8d3c-0c6a3f1b2a11"
_OTHER_ID = "0192f0c1-7d1e-7cc0-8d3c-0c6a3f1b2a12"

Cosine = Annotated[float | None, Field(description="Cosine; null if a side is missing or was not searched.")]
Calibrated = Annotated[
    float | None,
    Field(
        description="Evidence of the cosine: 0 is chance, 10 is typical of pictures of one group; where no groups show that, "
        "-ln(share of unrelated pictures that are as near) - 1. Null without calibration data."
    ),
]


class FilterInput(BaseModel):
    """Filters of pictures, joined by AND. Repeat list parameters in a URL or form."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    cluster: list[int] = Field(default_factory=list, description="Only pictures in one of these groups.")
    keywords_any: list[str] = Field(default_factory=list, description="Only pictures with one of these keywords.")
    keywords_all: list[str] = Field(default_factory=list, description="Only pictures with all of these keywords.")
    taken_from: str | None = Field(
        None,
        description="Only pictures taken then or later: a year, month, day or time (ISO 8601, UTC if it names no zone).",
    )
    taken_until: str | None = Field(
        None, description="Only pictures taken then or earlier. A year, month, day, minute or second counts to its end."
    )
    location: str = Field("", description="Only pictures whose location contains this.")
    mime: list[str] = Field(
        default_factory=list, description="Only pictures of one of these types, such as image/jpeg."
    )
    source: list[str] = Field(
        default_factory=list, description="Only pictures from one of these sources: upload, import, url or embeddings."
    )

    def filters(self) -> Filters:
        """The filters as the store takes them. Raises InvalidQuery for an invalid date."""
        return Filters(
            cluster_ids=tuple(self.cluster),
            keywords_any=tuple(self.keywords_any),
            keywords_all=tuple(self.keywords_all),
            taken_from=read_begin(self.taken_from, "taken_from"),
            taken_until=read_end(self.taken_until, "taken_until"),
            location=self.location,
            mime=tuple(self.mime),
            source=tuple(self.source),
        )


class SearchInput(FilterInput):
    """A search query with filters. Repeat list parameters in a URL or form."""

    model_config = ConfigDict(
        extra="forbid",
        allow_inf_nan=False,
        json_schema_extra={
            "examples": [{"q": "a lighthouse at dusk", "k": 5, "keywords_any": ["sea"], "taken_from": "2024-01-01"}]
        },
    )

    q: str = Field("", description="Text to search for.")
    not_words: list[str] = Field(default_factory=list, description="Text to avoid. Each value counts on its own.")
    media_id: list[UUID] = Field(default_factory=list, description="Ids of stored pictures that hits should resemble.")
    not_media_id: list[UUID] = Field(
        default_factory=list, description="Ids of stored pictures that hits should not resemble."
    )
    find: Find = Field(Find.MEDIA, description="`captions` finds the captions nearest to a picture.")
    k: int = Field(10, ge=HITS.low, le=HITS.high, description="Hits per page.")
    alpha: float | None = Field(None, ge=ALPHA.low, le=ALPHA.high, description="Weight of the image similarity.")
    method: FusionMethod | None = Field(
        None, description="How similarities are combined. Default: calibrated for text queries, raw otherwise."
    )
    order_by: HitOrder = Field(
        HitOrder.RELEVANCE,
        description="By relevance, or by the date on which pictures were taken, those without one last. By date are the hits that "
        "stand out or, with `min_similarity`, those that reach it.",
    )
    min_similarity: float | None = Field(
        None,
        ge=COSINE.low,
        le=COSINE.high,
        description="Smallest alpha * sim_image + (1 - alpha) * sim_text of a hit, with any method.",
    )
    diversity: float = Field(
        0.0, ge=DIVERSITY.low, le=DIVERSITY.high, description="0 ranks by relevance only, 1 by difference only."
    )
    effort: Effort = Field(Effort.FAST, description="How thoroughly to search.")
    cursor: str | None = Field(None, description="`next_cursor` from the previous page of the same query.")

    def query(self, pictures: tuple[bytes, ...] = (), not_pictures: tuple[bytes, ...] = ()) -> SearchQuery:
        """The query as the search service takes it. Raises InvalidQuery for an invalid date."""
        return SearchQuery(
            words=self.q,
            not_words=tuple(self.not_words),
            media_ids=tuple(self.media_id),
            pictures=pictures,
            not_media_ids=tuple(self.not_media_id),
            not_pictures=not_pictures,
            filters=self.filters(),
            find=self.find,
            k=self.k,
            alpha=self.alpha,
            method=self.method,
            order_by=self.order_by,
            min_similarity=self.min_similarity,
            diversity=self.diversity,
            effort=self.effort,
            cursor=self.cursor,
        )


class SearchForm(SearchInput):
    """A search query that can contain pictures. They are not stored."""

    file: list[UploadFile] = Field(default_factory=list, description="Uploaded pictures that hits should resemble.")
    not_file: list[UploadFile] = Field(
        default_factory=list, description="Uploaded pictures that hits should not resemble."
    )


class SearchHit(Schema):
    """One picture that was found."""

    media_id: UUID
    title: str
    shown_title: ShownTitle
    location: str
    caption: str
    keywords: list[str]
    taken_at: datetime | None
    taken_at_precision: str = Field(description="The smallest unit of `taken_at` that is known; empty without a date.")
    sim_image: Cosine
    sim_text: Cosine
    sim_caption: Cosine
    calibrated_image: Calibrated
    calibrated_text: Calibrated
    calibrated_caption: Calibrated
    similarity: float = Field(
        description="alpha * sim_image + (1 - alpha) * sim_text; sim_caption when searching captions."
    )
    combined: float = Field(
        description="The value that hits are sorted by: similarity (raw), calibrated value, or rank sum (rrf)."
    )
    stands_out: bool | None = Field(description="Whether the hit stands out from unrelated pictures; null if unknown.")
    nominated_by: list[str] = Field(
        description="The searches that found the hit: image, text, fused, textless, caption, scan (all "
        "vectors in memory) or exact (all in the database)."
    )

    @classmethod
    def of(cls, hit: Hit) -> "SearchHit":
        return cls(**vars(hit) | {"keywords": list(hit.keywords), "nominated_by": list(hit.nominated_by)})


class SearchAnswer(Schema):
    """The hits, in the order that was asked for, and how they were found."""

    find: Find
    method: FusionMethod = Field(description="The method that was used.")
    alpha: float = Field(description="The weight of the image similarity; 1 if only pictures are searched.")
    certified: bool = Field(description="Whether the search is sure that it missed no better hit.")
    verdict: Relevance = Field(
        description="Whether any hit stands out from unrelated pictures, or is an uploaded picture itself."
    )
    known_media_ids: list[UUID] = Field(
        description="Pictures of the library that the uploaded pictures are: the same file, or the same picture saved again."
    )
    hits: list[SearchHit]
    next_cursor: str | None
    note: str | None = Field(description="Remarks on this response.")

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "find": "media",
                    "method": "calibrated",
                    "alpha": 0.6,
                    "certified": True,
                    "verdict": "relevant",
                    "known_media_ids": [],
                    "hits": [
                        {
                            "media_id": _MEDIA_ID,
                            "title": "The lighthouse at dusk",
                            "shown_title": "The lighthouse at dusk",
                            "location": "Cape Wrath",
                            "caption": "A red lighthouse above the sea at dusk",
                            "keywords": ["lighthouse", "sea"],
                            "taken_at": "2024-05-01T19:32:00Z",
                            "taken_at_precision": "second",
                            "sim_image": 0.31,
                            "sim_text": 0.64,
                            "sim_caption": None,
                            "calibrated_image": 6.1,
                            "calibrated_text": 5.2,
                            "calibrated_caption": None,
                            "similarity": 0.442,
                            "combined": 5.74,
                            "stands_out": True,
                            "nominated_by": ["fused", "image"],
                        }
                    ],
                    "next_cursor": None,
                    "note": None,
                }
            ]
        },
    )

    @classmethod
    def of(cls, answer: Answer) -> "SearchAnswer":
        lists = {"hits": [SearchHit.of(hit) for hit in answer.hits], "known_media_ids": list(answer.known_media_ids)}
        return cls(**vars(answer) | lists)


class AlphaRangeInList(Schema):
    """The best pictures, best first, for alpha from `low` up to but not including `high`."""

    low: float
    high: float
    media_ids: list[UUID]


class AlphaHitInList(Schema):
    """A picture that is among the best at some alpha."""

    media_id: UUID
    title: str
    shown_title: ShownTitle
    location: str
    sim_image: Cosine
    sim_text: Cosine
    best_rank: int = Field(description="Its best rank at any alpha.")
    best_low: float = Field(description="It has this rank from here on ...")
    best_high: float = Field(description="... and below this; the widest such range.")
    first_at: float | None = Field(
        description="An alpha at which it ranks first (the middle of that range); null if it never does."
    )

    @classmethod
    def of(cls, hit: AlphaHit) -> "AlphaHitInList":
        first = (hit.best.low + hit.best.high) / 2 if hit.best.rank == 1 else None
        own = {
            name: getattr(hit, name)
            for name in ("media_id", "title", "shown_title", "location", "sim_image", "sim_text")
        }
        return cls(**own, best_rank=hit.best.rank, best_low=hit.best.low, best_high=hit.best.high, first_at=first)


class AlphaAnswer(Schema):
    """What every alpha finds for one picture."""

    media_id: UUID
    k: int
    ranges: list[AlphaRangeInList]
    hits: list[AlphaHitInList]

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "media_id": _MEDIA_ID,
                    "k": 1,
                    "ranges": [{"low": 0.0, "high": 1.0, "media_ids": [_OTHER_ID]}],
                    "hits": [
                        {
                            "media_id": _OTHER_ID,
                            "title": "The lighthouse at dusk",
                            "shown_title": "The lighthouse at dusk",
                            "location": "Cape Wrath",
                            "sim_image": 0.94,
                            "sim_text": 0.71,
                            "best_rank": 1,
                            "best_low": 0.0,
                            "best_high": 1.0,
                            "first_at": 0.5,
                        }
                    ],
                }
            ]
        },
    )

    @classmethod
    def of(cls, media_id: UUID, k: int, found: AlphaInsight) -> "AlphaAnswer":
        ranges = [AlphaRangeInList(low=r.low, high=r.high, media_ids=list(r.media_ids)) for r in found.ranges]
        return cls(media_id=media_id, k=k, ranges=ranges, hits=[AlphaHitInList.of(hit) for hit in found.hits])
