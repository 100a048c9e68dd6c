"""Proposal to split a group in two."""

import uuid
from dataclasses import dataclass

import numpy as np

from backend.errors import Conflict
from backend.features.editing.plan import MAX_MEDIA
from backend.features.services import Services
from backend.rules.editing import find_halves
from backend.store.groups import fetch_embeddings, get_cluster, read_members
from backend.store.spaces import get_active_space

_MOST_MEMBERS = 50_000
_BLOCK = 1024


@dataclass(frozen=True)
class SplitProposal:
    """Two halves of a group, the larger first. Pass `right` to `Split`.

    Attributes:
        cluster_id: the group.
        left: members that stay.
        right: members to split off.
        cohesion: mean cosine of all members to their centroid.
        left_cohesion: the same for the left half.
        right_cohesion: the same for the right half.
        similarity: cosine between the centroids of the halves.
    """

    cluster_id: int
    left: list[uuid.UUID]
    right: list[uuid.UUID]
    cohesion: float
    left_cohesion: float
    right_cohesion: float
    similarity: float


def propose_split(services: Services, cluster_id: int) -> SplitProposal:
    """Propose the best split. Changes nothing. Raises NotFound, and Conflict if the group is too small or too large."""
    with services.database.transaction() as session:
        size = get_cluster(session, cluster_id).size
        if size > _MOST_MEMBERS:
            raise Conflict(
                f"Group {cluster_id} has {size:,} members; halves are proposed for up to {_MOST_MEMBERS:,}.",
                hint="Choose the members yourself, or run `mediacluster consolidate`.",
            )
        space = get_active_space(session)
        members = list(read_members(session, [cluster_id]))
        blocks = [
            fetch_embeddings(session, space.id, members[start : start + _BLOCK])
            for start in range(0, len(members), _BLOCK)
        ]
    halves = find_halves(np.concatenate(blocks))
    if halves is None:
        raise Conflict(
            f"The members of group {cluster_id} are all alike; no split can be proposed.",
            hint="Choose the pictures to split off yourself.",
        )
    right = [media_id for media_id, is_right in zip(members, halves.in_right, strict=True) if is_right]
    if len(right) > MAX_MEDIA:
        raise Conflict(
            f"The smaller half of group {cluster_id} has {len(right):,} members; at most "
            f"{MAX_MEDIA:,} can be split off at once.",
            hint="Choose the members yourself, or run `mediacluster consolidate`.",
        )
    return SplitProposal(
        cluster_id,
        left=[media_id for media_id, is_right in zip(members, halves.in_right, strict=True) if not is_right],
        right=right,
        cohesion=halves.cohesion,
        left_cohesion=halves.left_cohesion,
        right_cohesion=halves.right_cohesion,
        similarity=halves.similarity,
    )
