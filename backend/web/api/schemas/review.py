"""What the API says and hears of the review queue, near-duplicates and exact copies."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from backend.features.duplicates import NearDuplicateGroup
from backend.features.review import Decided, explain, item_name
from backend.rules.review import ReviewKind, ReviewVerdict
from backend.store.media import CopySent
from backend.store.review import ClusterInItem, NearDuplicateRow, QueuedItem
from backend.web.api.places import without_key
from backend.web.api.schemas.curation import CurationOutcome
from backend.web.api.schemas.schemas import Schema, Similarity


class ReviewCluster(Schema):
    """A cluster that an item is about."""

    id: int
    label: str
    size: int
    representative_media_id: UUID | None

    @classmethod
    def of(cls, cluster: ClusterInItem) -> "ReviewCluster":
        return cls(**vars(cluster))


class ReviewItemDetail(Schema):
    """Something that deserves a look."""

    id: str = Field(description="What a decision names it by.")
    kind: ReviewKind
    why: str
    urgency: float = Field(description="Comparable within a kind; the queue is ordered by it.")
    figures: dict[str, float] = Field(description="What `why` is made of; which there are depends on the kind.")
    media_id: UUID | None = Field(description="Null where it is about clusters.")
    title: str | None
    caption: str | None
    cluster: ReviewCluster = Field(description="Where the media is; which is to be split; the smaller of a pair.")
    other_cluster: ReviewCluster | None = Field(description="The runner-up; the larger of a pair.")

    @classmethod
    def of(cls, item: QueuedItem) -> "ReviewItemDetail":
        return cls(
            id=item_name(item.kind, item.subject),
            kind=ReviewKind(item.kind),
            why=explain(item),
            urgency=item.urgency,
            figures=item.figures,
            media_id=item.media_id,
            title=item.title,
            caption=item.caption,
            cluster=ReviewCluster.of(item.cluster),
            other_cluster=ReviewCluster.of(item.other_cluster) if item.other_cluster else None,
        )


class ReviewQueuePage(Schema):
    """A page of one kind, the most urgent first."""

    items: list[ReviewItemDetail]
    counts: dict[ReviewKind, int] = Field(description="Items of every kind, up to 5,000 of each.")
    refreshed_at: datetime | None
    is_stale: bool = Field(description="Groups have changed since `refreshed_at`; what is new since is still missing.")
    next_cursor: str | None


class ReviewDecisionInput(BaseModel):
    """What to do with an item."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"item": "merge_candidate:3:17", "decision": "accept"}]}
    )

    item: Annotated[str, Field(max_length=200, description="`id` of the item.")]
    decision: ReviewVerdict
    cluster_id: Annotated[int | None, Field(ge=1, le=2**63 - 1, description="Where a corrected media belongs.")] = None


class ReviewDecisionAnswer(Schema):
    """What a decision changed, or would change."""

    item: str
    decision: ReviewVerdict
    outcome: CurationOutcome | None = Field(description="Null where no group changes.")

    @classmethod
    def of(cls, decided: Decided) -> "ReviewDecisionAnswer":
        outcome = CurationOutcome.of(decided.outcome) if decided.outcome else None
        return cls(item=decided.item, decision=decided.decision, outcome=outcome)


class ReviewTakingBackInput(BaseModel):
    """An item that was decided."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"item": "merge_candidate:3:17"}]})

    item: Annotated[str, Field(max_length=200, description="`id` of the item.")]


class ReviewTakingBackAnswer(Schema):
    """What taking a decision back changed."""

    item: str
    outcome: CurationOutcome | None = Field(description="Null where no group changes.")


class NearDuplicate(Schema):
    """A media of a group of near-duplicates."""

    media_id: UUID
    title: str
    width: int
    height: int
    byte_size: int
    mime: str
    created_at: datetime
    similarity: Similarity = Field(description="Cosine to the image embedding of the one to keep.")
    hash_distance: int = Field(
        description="Bits of 64 in which the perceptual hash differs from that of the one to keep."
    )

    @classmethod
    def of(cls, row: NearDuplicateRow) -> "NearDuplicate":
        return cls(**{name: value for name, value in vars(row).items() if name != "keeper_media_id"})


class NearDuplicates(Schema):
    """The one to keep and its near-duplicates."""

    keep: NearDuplicate
    why: str = Field(description="Why this is the best of them.")
    members: list[NearDuplicate] = Field(description="The others, at most 100.")
    size: int = Field(description="Media of the group, the one to keep included.")
    freed_bytes: int = Field(description="What deleting `members` would free.")

    @classmethod
    def of(cls, group: NearDuplicateGroup) -> "NearDuplicates":
        return cls(
            keep=NearDuplicate.of(group.keep),
            why=group.why,
            members=[NearDuplicate.of(row) for row in group.members],
            size=group.size,
            freed_bytes=group.freed_bytes,
        )


class NearDuplicatesPage(Schema):
    """A page of groups of near-duplicates."""

    groups: list[NearDuplicates]
    group_count: int
    spare_count: int = Field(description="Media of all groups that need not be kept.")
    next_cursor: str | None


class NearDuplicateDecisionInput(BaseModel):
    """What to do with media of one group."""

    model_config = ConfigDict(extra="forbid")

    decision: Literal["keep_best", "keep_all"]
    keep_media_id: UUID = Field(description="The one that is kept in any case.")
    media_ids: Annotated[
        list[UUID],
        Field(min_length=1, max_length=500, description="The others: to be deleted, or to be kept beside it."),
    ]


class NearDuplicateDecisionAnswer(Schema):
    """What a decision changed, or would change; `keep_all` changes no media."""

    decision: Literal["keep_best", "keep_all"]
    outcome: CurationOutcome | None


class ExactCopyDetail(Schema):
    """A place from which bytes came that were here already. They are stored once."""

    media_id: UUID
    title: str
    media_source: str = Field(description="How the bytes came first.")
    media_source_uri: str | None
    source: str
    source_uri: str
    times_sent: int
    first_sent_at: datetime
    last_sent_at: datetime

    @classmethod
    def of(cls, copy: CopySent, *, places: bool = False) -> "ExactCopyDetail":
        """`places`: with whole addresses."""
        own = {name: value for name, value in vars(copy).items() if name != "id"}
        if not places:
            own |= {name: without_key(own[name]) for name in ("source_uri", "media_source_uri")}
        return cls(**own)


class ExactCopyPage(Schema):
    """A page of exact copies, sent last first."""

    copies: list[ExactCopyDetail]
    next_cursor: str | None
