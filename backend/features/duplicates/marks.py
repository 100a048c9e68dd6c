"""Deletion of near-duplicates in two steps: marking, which can be undone, and deleting what is marked, which cannot."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from backend.errors import Conflict
from backend.features.duplicates.comparison import compare
from backend.features.duplicates.near_duplicates import lock_others
from backend.features.editing import delete_media
from backend.features.services import Services
from backend.store.engine import broken_constraints_as_conflicts
from backend.store.review import (
    forget_comparisons,
    forget_keepers,
    forget_marked,
    list_marked,
    lock_near_duplicates,
    record_marked,
)

_DELETED_AT_ONCE = 500


@dataclass(frozen=True)
class Deleted:
    """Number of deleted pictures, and the groups removed with them."""

    media: int
    removed_cluster_ids: tuple[int, ...]


def mark_others(services: Services, keep_media_id: uuid.UUID, media_ids: Sequence[uuid.UUID], *, actor: str) -> None:
    """Keep one picture and mark the others of its group for deletion. Marked pictures stay in the library but are not suggested again.

    Raises:
        InputError: no pictures to mark, or the one to keep is among them.
        Conflict: they no longer form a group.
    """
    with broken_constraints_as_conflicts(), services.database.transaction() as session:
        others = lock_others(session, keep_media_id, media_ids)
        record_marked(session, keep_media_id, others, actor)
        # Pictures compared with a marked one need another partner.
        if forget_keepers(session, others):
            compare(session, services.settings)


def unmark(services: Services, keep_media_id: uuid.UUID, media_ids: Sequence[uuid.UUID]) -> None:
    """Remove marks, so that the pictures form a group again. Raises Conflict if they are deleted or no longer marked."""
    with services.database.transaction() as session:
        lock_near_duplicates(session)
        if not forget_marked(session, media_ids):
            raise Conflict("These pictures are no longer marked.", hint="They were kept or have already been deleted.")
        forget_comparisons(session, [keep_media_id])
        compare(session, services.settings)


def delete_marked(services: Services, *, until: datetime, actor: str) -> Deleted:
    """Delete permanently, in batches, what was marked up to `until`. Later marks were not visible when the deletion was confirmed."""
    deleted = 0
    removed: list[int] = []
    while True:
        with services.database.transaction() as session:
            # Held during the deletion, so that no mark is removed meanwhile.
            lock_near_duplicates(session)
            marked = list_marked(session, _DELETED_AT_ONCE, until=until)
            if not marked:
                return Deleted(deleted, tuple(removed))
            removed += delete_media(services, marked, actor=actor).removed_cluster_ids
            deleted += len(marked)
