"""Edits of groups as values: the rows that an edit touches, before and after.

Curators and background jobs change groups in the same way: the caller reads a `Snapshot` of the rows concerned and
plans an `Edit`; `backend.features.editing.apply` applies it in one transaction and records it, so that it can be undone.
Nothing here depends on a database.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

AUTO = "auto"
CURATOR = "curator"

TO_BE_GIVEN = 0
"""Placeholder for an `assign_seq` or an `event_id` that is assigned when the edit is applied."""

CannotLink = tuple[int, int, int]
"""(cluster_a, cluster_b, event_id) with cluster_a < cluster_b. The event is the one that set the two groups apart."""


@dataclass(frozen=True)
class ClusterState:
    """The columns of a cluster.

    Attributes:
        label: its name, '' if it has none.
        label_origin: AUTO or CURATOR, who chose the label.
        representative_media_id: the picture that represents it. If None and automatic, applying the edit chooses one.
        representative_origin: AUTO or CURATOR, who chose the representative.
        locked: whether a curator locked it.
        created_at: None if applying the edit sets it.
    """

    label: str = ""
    label_origin: str = AUTO
    representative_media_id: uuid.UUID | None = None
    representative_origin: str = AUTO
    locked: bool = False
    created_at: datetime | None = None


@dataclass(frozen=True)
class MembershipState:
    """The columns of a membership.

    Attributes:
        cluster_id: the group.
        space_id: the space that the figures were measured in.
        similarity: cosine to the centroid. If None, it is measured after the edit is applied.
        runner_up_cluster_id: the nearest other group, None if there is none.
        runner_up_similarity: cosine to its centroid.
        margin: how much the similarity would have to change for a different decision.
        threshold: the threshold that applied.
        founder: whether the picture founded the group.
        assign_seq: position in the order of decisions. TO_BE_GIVEN if applying the edit assigns it.
        origin: AUTO or CURATOR, who decided.
        event_id: the edit that decided, None if no edit did. TO_BE_GIVEN stands for the edit being applied.
        created_at: None if applying the edit sets it.
        decided_space_id: the space in which the decision was made, None if it is `space_id`.
        decided_threshold: the threshold of the decision, None if it is `threshold`.
    """

    cluster_id: int
    space_id: int
    similarity: float | None
    runner_up_cluster_id: int | None
    runner_up_similarity: float | None
    margin: float | None
    threshold: float
    founder: bool
    assign_seq: int
    origin: str
    event_id: int | None
    created_at: datetime | None = None
    decided_space_id: int | None = None
    decided_threshold: float | None = None

    def is_same_decision(self, other: "MembershipState | None") -> bool:
        """Whether both are the same decision. Figures are ignored if they come from different spaces."""
        if other is None or other.space_id == self.space_id:
            return self == other
        return self.measured_as(other) == other

    def measured_as(self, other: "MembershipState") -> "MembershipState":
        """The same decision with the figures of another state."""
        return replace(
            self,
            space_id=other.space_id,
            similarity=other.similarity,
            runner_up_cluster_id=other.runner_up_cluster_id,
            runner_up_similarity=other.runner_up_similarity,
            margin=other.margin,
            threshold=other.threshold,
            decided_space_id=other.decided_space_id,
            decided_threshold=other.decided_threshold,
        )

    def to_measure_in(self, space_id: int, threshold: float) -> "MembershipState":
        """The same decision in the given space. Figures from another space are cleared, to be measured again."""
        if self.space_id == space_id:
            return self
        elsewhere = self.decided_space_id is not None
        return replace(
            self,
            space_id=space_id,
            similarity=None,
            runner_up_cluster_id=None,
            runner_up_similarity=None,
            margin=None,
            threshold=threshold,
            decided_space_id=self.decided_space_id if elsewhere else self.space_id,
            decided_threshold=self.decided_threshold if elsewhere else self.threshold,
        )


@dataclass(frozen=True)
class Snapshot:
    """Some rows at one moment. None stands for a row that does not exist.

    Attributes:
        clusters: rows by cluster id.
        memberships: rows by media id.
        cannot_links: the links of these clusters. Only the difference between two snapshots matters.
    """

    clusters: Mapping[int, ClusterState | None] = field(default_factory=dict)
    memberships: Mapping[uuid.UUID, MembershipState | None] = field(default_factory=dict)
    cannot_links: frozenset[CannotLink] = frozenset()


@dataclass(frozen=True)
class Edit:
    """A planned change. Both snapshots contain the same memberships.

    Clusters that only gain or lose members need not appear. Applying the edit removes a cluster left without members.

    Attributes:
        kind: the operation, such as "merge".
        before: the rows as they are.
        after: the rows as they will be.
        summary: one sentence for the journal.
        survivors: maps each cluster that is merged into another to that one, which inherits its cannot-links.
        warnings: sentences about what the edit skips or loses.
    """

    kind: str
    before: Snapshot
    after: Snapshot
    summary: str = ""
    survivors: Mapping[int, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class ClusterChange:
    """What an edit did to one cluster. Size 0 means that the cluster does not exist.

    Attributes:
        id: the cluster.
        size_before: number of members before the edit.
        size_after: number of members after it.
        label_before: label before the edit.
        label_after: label after it.
        locked_before: whether it was locked before the edit.
        locked_after: whether it is locked after it.
    """

    id: int
    size_before: int
    size_after: int
    label_before: str
    label_after: str
    locked_before: bool
    locked_after: bool


@dataclass(frozen=True)
class Outcome:
    """What an edit did, or would do.

    Attributes:
        event_id: the recorded edit. None for a preview, in which the ids of new clusters are provisional.
        kind: the operation, such as "merge".
        summary: one sentence for the journal.
        moved: (media_id, from_cluster_id, to_cluster_id) of each picture; None for no cluster.
        created_cluster_ids: clusters that the edit created.
        removed_cluster_ids: clusters that the edit removed.
        clusters: what changed in each cluster.
        warnings: sentences about what the edit skipped or lost.
    """

    event_id: int | None
    kind: str
    summary: str
    moved: tuple[tuple[uuid.UUID, int | None, int | None], ...] = ()
    created_cluster_ids: tuple[int, ...] = ()
    removed_cluster_ids: tuple[int, ...] = ()
    clusters: tuple[ClusterChange, ...] = ()
    warnings: tuple[str, ...] = ()
