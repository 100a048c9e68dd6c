"""Request and response models of the review queue, near-duplicates and exact copies."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from backend.bounds import ID, VERSIONS
from backend.features.duplicates import NearDuplicateGroup
from backend.features.review import Decided, explain, item_name
from backend.rules.review import ReviewKind, ReviewVerdict
from backend.store.media import CopySent
from backend.store.review import ClusterInItem, NearDuplicateRow, QueuedItem
from backend.web.api.places import without_key
from backend.web.api.schemas.curation import CurationOutcome
from backend.web.api.schemas.schemas import Schema, ShownTitle, Similarity


class ReviewCluster(Schema):
    """A group that an item is about."""

    id: int
    label: str
    size: int
    representative_media_id: UUID | None

    @classmethod
    def of(cls, cluster: ClusterInItem) -> "ReviewCluster":
        return cls(**vars(cluster))


class ReviewItemDetail(Schema):
    """One item of the review queue."""

    id: str = Field(description="Id that a decision refers to.")
    kind: ReviewKind
    why: str
    urgency: float = Field(description="The queue is sorted by this value. Comparable within one kind only.")
    figures: dict[str, float] = Field(description="The figures behind `why`. The names depend on the kind.")
    media_id: UUID | None = Field(description="Null if the item is about groups.")
    title: str | None
    shown_title: ShownTitle | None
    caption: str | None
    cluster: ReviewCluster = Field(
        description="The group of the picture, the group to split, or the smaller group of a pair."
    )
    other_cluster: ReviewCluster | None = Field(description="The runner-up group, or the larger group of a pair.")

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
            shown_title=item.shown_title,
            caption=item.caption,
            cluster=ReviewCluster.of(item.cluster),
            other_cluster=ReviewCluster.of(item.other_cluster) if item.other_cluster else None,
        )


class ReviewQueuePage(Schema):
    """A page of items of one kind, most urgent first."""

    items: list[ReviewItemDetail]
    counts: dict[ReviewKind, int] = Field(description="Items of every kind, up to 5,000 of each.")
    refreshed_at: datetime | None
    is_stale: bool = Field(
        description="Groups have changed since `refreshed_at`; items found since then are still missing."
    )
    next_cursor: str | None


class ReviewDecisionInput(BaseModel):
    """What to do with an item."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"item": "merge_candidate:3:17", "decision": "accept"}]}
    )

    item: Annotated[str, Field(max_length=200, description="`id` of the item.")]
    decision: ReviewVerdict
    cluster_id: Annotated[
        int | None, Field(ge=ID.low, le=ID.high, description="The group a corrected picture belongs to.")
    ] = None


class ReviewDecisionAnswer(Schema):
    """What a decision changed, or would change."""

    item: str
    decision: ReviewVerdict
    outcome: CurationOutcome | None = Field(description="Null if no group changes.")

    @classmethod
    def of(cls, decided: Decided) -> "ReviewDecisionAnswer":
        outcome = CurationOutcome.of(decided.outcome) if decided.outcome else None
        return cls(item=decided.item, decision=decided.decision, outcome=outcome)


class ReviewTakingBackInput(BaseModel):
    """An item whose decision to undo."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"item": "merge_candidate:3:17"}]})

    item: Annotated[str, Field(max_length=200, description="`id` of the item.")]


class ReviewTakingBackAnswer(Schema):
    """What undoing a decision changed."""

    item: str
    outcome: CurationOutcome | None = Field(description="Null if no group changes.")


class NearDuplicate(Schema):
    """One picture of a group of near-duplicates."""

    media_id: UUID
    title: str
    shown_title: ShownTitle
    width: int
    height: int
    byte_size: int
    mime: str
    created_at: datetime
    similarity: Similarity = Field(description="Cosine to the image embedding of the picture to keep.")
    hash_distance: int = Field(
        description="How many of 64 bits of the perceptual hash differ from the picture to keep."
    )

    @classmethod
    def of(cls, row: NearDuplicateRow) -> "NearDuplicate":
        return cls(**{name: value for name, value in vars(row).items() if name != "keeper_media_id"})


class NearDuplicates(Schema):
    """A group of near-duplicates: the picture to keep and the others."""

    keep: NearDuplicate
    why: str = Field(description="Why this picture is the best one.")
    members: list[NearDuplicate] = Field(description="The others, at most 100.")
    size: int = Field(description="Number of pictures in the group, including the one to keep.")
    freed_bytes: int = Field(description="Bytes that deleting `members` would free.")

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
    spare_count: int = Field(description="Number of pictures in all groups that need not be kept.")
    next_cursor: str | None


class NearDuplicateDecisionInput(BaseModel):
    """What to do with pictures of one group."""

    model_config = ConfigDict(extra="forbid")

    decision: Literal["keep_best", "keep_all"]
    keep_media_id: UUID = Field(description="The picture to keep.")
    media_ids: Annotated[
        list[UUID],
        Field(
            min_length=VERSIONS.low,
            max_length=VERSIONS.high,
            description="The other pictures: to delete, or to keep as well.",
        ),
    ]


class NearDuplicateDecisionAnswer(Schema):
    """What a decision changed, or would change; `keep_all` changes no picture."""

    decision: Literal["keep_best", "keep_all"]
    outcome: CurationOutcome | None


class ExactCopyDetail(Schema):
    """A source that sent a file that was already stored."""

    media_id: UUID
    title: str
    shown_title: ShownTitle
    media_source: str = Field(description="How the file first arrived.")
    media_source_uri: str | None
    source: str
    source_uri: str
    times_sent: int
    first_sent_at: datetime
    last_sent_at: datetime

    @classmethod
    def of(cls, copy: CopySent, *, places: bool = False) -> "ExactCopyDetail":
        """Convert a stored copy. `places` includes full source addresses."""
        own = {name: value for name, value in vars(copy).items() if name != "id"}
        if not places:
            own |= {name: without_key(own[name]) for name in ("source_uri", "media_source_uri")}
        return cls(**own)


class ExactCopyPage(Schema):
    """A page of exact copies, most recently sent first."""

    copies: list[ExactCopyDetail]
    next_cursor: str | None
