"""Wording of pictures and groups in the summaries and warnings of edits."""

import uuid
from collections.abc import Sequence

from backend.rules.editing.edits import ClusterState


def named(cluster_id: int, state: ClusterState) -> str:
    """A group with its label, such as "group 7 'Harbour'"."""
    return f"group {cluster_id} '{state.label}'" if state.label else f"group {cluster_id}"


def media_count(count: int) -> str:
    """'1 picture', '1,000 pictures'."""
    return "1 picture" if count == 1 else f"{count:,} pictures"


def skipped(media_ids: Sequence[uuid.UUID], word: str) -> tuple[str, ...]:
    return (f"{media_count(len(media_ids))} already {word}: unchanged.",) if media_ids else ()


def some_clusters(cluster_ids: Sequence[int]) -> str:
    few = 3
    if len(cluster_ids) > few:
        return f"{len(cluster_ids)} groups"
    return ("group " if len(cluster_ids) == 1 else "groups ") + ", ".join(map(str, cluster_ids))


def some_media(media_ids: Sequence[uuid.UUID]) -> str:
    few = 3
    shown = ", ".join(map(str, media_ids[:few]))
    return f"{'Picture' if len(media_ids) == 1 else 'Pictures'} {shown}" + (
        f" and {len(media_ids) - few} more" if len(media_ids) > few else ""
    )
