"""Changes of groups as values: the rows that an edit touches, as they were and as they shall be.

A curator and the machine change groups in one way only: somebody reads a `Snapshot` of the rows concerned, plans an
`Edit`, and `backend.features.editing.apply` applies it in one transaction and writes it down, so that it can be undone.
Nothing in here knows a database.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

AUTO = "auto"
CURATOR = "curator"

TO_BE_GIVEN = 0
"""Stands for an `assign_seq` or an `event_id` that is given when the edit is applied."""

CannotLink = tuple[int, int, int]
"""(cluster_a, cluster_b, event_id), cluster_a < cluster_b: the event that said that the two are not one group."""


@dataclass(frozen=True)
class ClusterState:
    """A cluster's own columns. An automatic representative that is None is chosen when the edit is applied."""

    label: str = ""
    label_origin: str = AUTO
    representative_media_id: uuid.UUID | None = None
    representative_origin: str = AUTO
    locked: bool = False
    created_at: datetime | None = None


@dataclass(frozen=True)
class MembershipState:
    """A membership's columns.

    To be given when an edit is applied: `similarity` None (measured against the centroid as it is afterwards),
    `assign_seq` and `event_id` TO_BE_GIVEN, `created_at` None. decided_space_id, decided_threshold: None where the figures
    are those of the decision itself.
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
        """Whether both are equal, but for the figures where these are of different spaces."""
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
        """The same decision in a space at its threshold; figures of another space are left to be measured."""
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
    """Some rows at one moment; None stands for a row that does not exist.

    cannot_links: those that touch the clusters. Only differences between two snapshots mean something.
    """

    clusters: Mapping[int, ClusterState | None] = field(default_factory=dict)
    memberships: Mapping[uuid.UUID, MembershipState | None] = field(default_factory=dict)
    cannot_links: frozenset[CannotLink] = frozenset()


@dataclass(frozen=True)
class Edit:
    """What is to change. Both snapshots name the same memberships.

    Clusters that only gain or lose members need no state of their own in here. A cluster without members is removed.
    survivors: for each cluster that goes up in another, the other, which inherits its cannot-links.
    """

    kind: str
    before: Snapshot
    after: Snapshot
    summary: str = ""
    survivors: Mapping[int, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class ClusterChange:
    """What an edit did to one cluster; a size of 0 stands for a cluster that does not exist."""

    id: int
    size_before: int
    size_after: int
    label_before: str
    label_after: str
    locked_before: bool
    locked_after: bool


@dataclass(frozen=True)
class Outcome:
    """What an edit did, or would do (`event_id` None; ids of clusters to be made are then provisional).

    moved: (media_id, from_cluster_id, to_cluster_id), None where it came from or went to no cluster.
    """

    event_id: int | None
    kind: str
    summary: str
    moved: tuple[tuple[uuid.UUID, int | None, int | None], ...] = ()
    created_cluster_ids: tuple[int, ...] = ()
    removed_cluster_ids: tuple[int, ...] = ()
    clusters: tuple[ClusterChange, ...] = ()
    warnings: tuple[str, ...] = ()
