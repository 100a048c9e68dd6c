"""How summaries and warnings of edits speak of media and clusters."""

import uuid
from collections.abc import Sequence

from backend.rules.editing.edits import ClusterState


def named(cluster_id: int, state: ClusterState) -> str:
    """How a sentence speaks of a cluster."""
    return f"cluster {cluster_id} '{state.label}'" if state.label else f"cluster {cluster_id}"


def media_count(count: int) -> str:
    """'1 media', '1,000 media': the word has no plural."""
    return f"{count:,} media"


def skipped(media_ids: Sequence[uuid.UUID], word: str) -> tuple[str, ...]:
    return (f"{media_count(len(media_ids))} were {word} already and stay as they are.",) if media_ids else ()


def some_clusters(cluster_ids: Sequence[int]) -> str:
    few = 3
    if len(cluster_ids) > few:
        return f"{len(cluster_ids)} clusters"
    return ("cluster " if len(cluster_ids) == 1 else "clusters ") + ", ".join(map(str, cluster_ids))


def some_media(media_ids: Sequence[uuid.UUID]) -> str:
    few = 3
    shown = ", ".join(map(str, media_ids[:few]))
    return f"Media {shown}" + (f" and {len(media_ids) - few} more" if len(media_ids) > few else "")
