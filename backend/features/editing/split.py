"""Propose how a cluster could be parted in two."""

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
    """Two halves of a cluster, the larger first; hand `right` to `Split`.

    cohesion: mean cosine of the members to their own centroid, for the whole cluster and for each half.
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
    """The best two halves; nothing is changed. Raises NotFound, and Conflict where there is nothing to part, or more than a
    split takes."""
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
