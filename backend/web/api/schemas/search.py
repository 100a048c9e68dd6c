"""What the search says and hears."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import UploadFile
from pydantic import BaseModel, ConfigDict, Field

from backend.features.search import MOST_HITS, AlphaHit, AlphaInsight, Answer, Effort, Find, Hit, Relevance, SearchQuery
from backend.rules.search import Filters, FusionMethod
from backend.web.api.schemas.schemas import Schema

_MEDIA_ID = "0192f0c1-7d1e-7cc0-8d3c-0c6a3f1b2a11"
_OTHER_ID = "0192f0c1-7d1e-7cc0-8d3c-0c6a3f1b2a12"

Cosine = Annotated[float | None, Field(description="Cosine; null where a side is missing or was not asked.")]
Calibrated = Annotated[
    float | None,
    Field(
        description="How surprising the cosine is: -ln(share of unrelated media that are as near) - 1. 0 is chance; "
        "null without a background."
    ),
]


class SearchInput(BaseModel):
    """What to find, and among what. Lists are repeated as parameters of an address or fields of a form."""

    model_config = ConfigDict(
        extra="forbid",
        allow_inf_nan=False,
        json_schema_extra={
            "examples": [
                {"q": "a lighthouse at dusk", "k": 5, "keywords_any": ["sea"], "taken_from": "2024-01-01T00:00:00Z"}
            ]
        },
    )

    q: str = Field("", description="Words to find.")
    not_words: list[str] = Field(default_factory=list, description="Words not to find, each on its own.")
    media_id: list[UUID] = Field(default_factory=list, description="Stored media to be like.")
    not_media_id: list[UUID] = Field(default_factory=list, description="Stored media not to be like.")
    find: Find = Field(Find.MEDIA, description="captions: the words nearest to a picture.")
    k: int = Field(10, ge=1, le=MOST_HITS, description="Hits of a page.")
    alpha: float | None = Field(None, ge=0, le=1, description="Weight of the image leg.")
    method: FusionMethod | None = Field(None, description="Default: calibrated with words, raw without.")
    min_similarity: float | None = Field(
        None, ge=-1, le=1, description="Least alpha * sim_image + (1 - alpha) * sim_text, whatever the method."
    )
    diversity: float = Field(0.0, ge=0, le=1, description="0: by relevance alone; 1: by difference alone.")
    effort: Effort = Field(Effort.FAST, description="How much is read before an answer is given.")
    cursor: str | None = Field(None, description="`next_cursor` of the page before, with the same query.")
    cluster: list[int] = Field(default_factory=list, description="In one of these clusters.")
    keywords_any: list[str] = Field(default_factory=list, description="With one of these keywords.")
    keywords_all: list[str] = Field(default_factory=list, description="With all of these keywords.")
    taken_from: datetime | None = Field(None, description="Taken then or later.")
    taken_until: datetime | None = Field(None, description="Taken then or earlier.")
    location: str = Field("", description="Part of the location.")
    mime: list[str] = Field(default_factory=list, description="Of one of these types, such as image/jpeg.")
    source: list[str] = Field(default_factory=list, description="From one of these: upload, import, url or embeddings.")

    def query(self, pictures: tuple[bytes, ...] = (), not_pictures: tuple[bytes, ...] = ()) -> SearchQuery:
        """The query as the service takes it."""
        return SearchQuery(
            words=self.q,
            not_words=tuple(self.not_words),
            media_ids=tuple(self.media_id),
            pictures=pictures,
            not_media_ids=tuple(self.not_media_id),
            not_pictures=not_pictures,
            filters=Filters(
                cluster_ids=tuple(self.cluster),
                keywords_any=tuple(self.keywords_any),
                keywords_all=tuple(self.keywords_all),
                taken_from=self.taken_from,
                taken_until=self.taken_until,
                location=self.location,
                mime=tuple(self.mime),
                source=tuple(self.source),
            ),
            find=self.find,
            k=self.k,
            alpha=self.alpha,
            method=self.method,
            min_similarity=self.min_similarity,
            diversity=self.diversity,
            effort=self.effort,
            cursor=self.cursor,
        )


class SearchForm(SearchInput):
    """The same with pictures, which are not kept."""

    file: list[UploadFile] = Field(default_factory=list, description="Pictures to be like.")
    not_file: list[UploadFile] = Field(default_factory=list, description="Pictures not to be like.")


class SearchHit(Schema):
    """One media that was found."""

    media_id: UUID
    title: str
    location: str
    caption: str
    keywords: list[str]
    sim_image: Cosine
    sim_text: Cosine
    sim_caption: Cosine
    calibrated_image: Calibrated
    calibrated_text: Calibrated
    calibrated_caption: Calibrated
    similarity: float = Field(description="alpha * sim_image + (1 - alpha) * sim_text; of captions, sim_caption.")
    combined: float = Field(
        description="What the order is by: the similarity (raw), calibrated values, or ranks (rrf)."
    )
    stands_out: bool | None = Field(description="Whether it stands out of unrelated media; null where unknown.")
    nominated_by: list[str] = Field(
        description="The legs that found it: image, text, fused, textless, caption, scan (all vectors in memory) or exact (all in the database)."
    )

    @classmethod
    def of(cls, hit: Hit) -> "SearchHit":
        return cls(**vars(hit) | {"keywords": list(hit.keywords), "nominated_by": list(hit.nominated_by)})


class SearchAnswer(Schema):
    """The hits, best first, and how they came about."""

    find: Find
    method: FusionMethod = Field(description="The method that was used.")
    alpha: float = Field(description="The weight of the image leg; 1 where pictures alone are asked.")
    certified: bool = Field(description="Whether no better hit can have been missed.")
    verdict: Relevance = Field(description="Whether any hit stands out of what unrelated media reach.")
    hits: list[SearchHit]
    next_cursor: str | None
    note: str | None = Field(description="What else is to be known of this answer.")

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
                    "hits": [
                        {
                            "media_id": _MEDIA_ID,
                            "title": "The lighthouse at dusk",
                            "location": "Cape Wrath",
                            "caption": "A red lighthouse above the sea at dusk",
                            "keywords": ["lighthouse", "sea"],
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
        return cls(**vars(answer) | {"hits": [SearchHit.of(hit) for hit in answer.hits]})


class AlphaRangeInList(Schema):
    """The best media, best first, from alpha `low` on and below `high`."""

    low: float
    high: float
    media_ids: list[UUID]


class AlphaHitInList(Schema):
    """A media that is among the best at some alpha."""

    media_id: UUID
    title: str
    location: str
    sim_image: Cosine
    sim_text: Cosine
    best_rank: int = Field(description="Its best rank at any alpha.")
    best_low: float = Field(description="It has this rank from here on ...")
    best_high: float = Field(description="... and below this; the widest such range.")
    first_at: float | None = Field(
        description="An alpha at which it comes first: the middle of where it does; null if never."
    )

    @classmethod
    def of(cls, hit: AlphaHit) -> "AlphaHitInList":
        first = (hit.best.low + hit.best.high) / 2 if hit.best.rank == 1 else None
        own = {name: getattr(hit, name) for name in ("media_id", "title", "location", "sim_image", "sim_text")}
        return cls(**own, best_rank=hit.best.rank, best_low=hit.best.low, best_high=hit.best.high, first_at=first)


class AlphaAnswer(Schema):
    """What every alpha finds for one media."""

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
