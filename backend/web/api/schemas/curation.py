"""Request and response models of curation."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from backend.bounds import EDITED_CLUSTERS, EDITED_MEDIA, ID
from backend.features.editing import SplitProposal
from backend.rules.editing import ClusterChange, Outcome
from backend.store.groups import HistoryEvent
from backend.web.api.schemas.schemas import Schema, Similarity

MediaIds = Annotated[list[UUID], Field(min_length=EDITED_MEDIA.low, max_length=EDITED_MEDIA.high)]
ClusterId = Annotated[int, Field(ge=ID.low, le=ID.high)]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid")


class LabelInput(_Input):
    """A curator's label. Automatic labelling never changes it."""

    label: Annotated[str, Field(min_length=1)]


class RepresentativeInput(_Input):
    """The member that represents its group."""

    media_id: UUID


class MergeInput(_Input):
    """The groups to merge into the addressed one."""

    cluster_ids: Annotated[list[ClusterId], Field(min_length=EDITED_CLUSTERS.low, max_length=EDITED_CLUSTERS.high)]


class SplitInput(_Input):
    """The members to move to a new group."""

    media_ids: MediaIds
    label: str = ""


class MoveInput(_Input):
    """Pictures, and the group to move them to."""

    media_ids: MediaIds
    cluster_id: ClusterId


class ExtractInput(SplitInput):
    """Pictures to make a new group of."""


class MediaIdsInput(_Input):
    """Some pictures."""

    media_ids: MediaIds


class MovedMedia(Schema):
    """A picture that changed its group. `null` stands for no group."""

    media_id: UUID
    from_cluster_id: int | None
    to_cluster_id: int | None


class ChangedCluster(Schema):
    """How one group changed. A size of 0 means that the group does not exist."""

    id: int
    size_before: int
    size_after: int
    label_before: str
    label_after: str
    locked_before: bool
    locked_after: bool

    @classmethod
    def of(cls, change: ClusterChange) -> "ChangedCluster":
        return cls(**vars(change))


class CurationOutcome(Schema):
    """What an operation did. With `dry_run`, what it would do: `event_id` is then null, and ids of new groups are
    provisional."""

    event_id: int | None = Field(description="Id of the event in the history. Use it to undo.")
    kind: str
    summary: str
    moved: list[MovedMedia]
    created_cluster_ids: list[int]
    removed_cluster_ids: list[int]
    clusters: list[ChangedCluster]
    warnings: list[str]

    @classmethod
    def of(cls, outcome: Outcome) -> "CurationOutcome":
        return cls(
            event_id=outcome.event_id,
            kind=outcome.kind,
            summary=outcome.summary,
            moved=[
                MovedMedia(media_id=media_id, from_cluster_id=source, to_cluster_id=target)
                for media_id, source, target in outcome.moved
            ],
            created_cluster_ids=list(outcome.created_cluster_ids),
            removed_cluster_ids=list(outcome.removed_cluster_ids),
            clusters=[ChangedCluster.of(change) for change in outcome.clusters],
            warnings=list(outcome.warnings),
        )


class ProposedSplit(Schema):
    """A proposed split of a group in two. Pass `right` to the split."""

    cluster_id: int
    left: list[UUID]
    right: list[UUID]
    cohesion: Similarity = Field(description="Mean cosine of the members to the centroid before the split.")
    left_cohesion: Similarity
    right_cohesion: Similarity
    similarity: Similarity = Field(description="Cosine between the centroids of the halves.")

    @classmethod
    def of(cls, proposal: SplitProposal) -> "ProposedSplit":
        return cls(**vars(proposal))


class JournalEvent(Schema):
    """One event in the history."""

    id: int
    kind: str
    actor: str = Field(description="Who made the change.")
    created_at: datetime
    summary: str
    target_event_id: int | None = Field(description="What an undo or redo acted on.")
    undone_by: int | None = Field(description="The event that undid this one, if it is still undone.")
    undoable: bool = Field(description="Whether this kind of event can be undone. Later changes may still block it.")
    redoable: bool
    cluster_ids: list[int]
    media_count: int

    @classmethod
    def of(cls, event: HistoryEvent) -> "JournalEvent":
        return cls(**{name: getattr(event, name) for name in cls.model_fields})


class JournalPage(Schema):
    """A page of the history, newest first."""

    events: list[JournalEvent]
    next_cursor: str | None
