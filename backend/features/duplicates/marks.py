"""Give up near-duplicates in two steps: mark them, which can be taken back, and delete what is marked, which cannot."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from backend.errors import Conflict, InputError
from backend.features.duplicates.comparison import compare
from backend.features.duplicates.near_duplicates import require_one_group
from backend.features.editing import delete_media
from backend.features.services import Services
from backend.store.review import (
    find_keepers,
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
    """How many media are gone, and the groups that went with them."""

    media: int
    removed_cluster_ids: tuple[int, ...]


def mark_others(services: Services, keep_media_id: uuid.UUID, media_ids: Sequence[uuid.UUID], *, actor: str) -> None:
    """Keep one and mark the others for deletion; all of one group. Marked media stay in the library, but are proposed no more.

    Raises:
        InputError: nothing is to be marked, or the one to keep is.
        Conflict: they are no group any more.
    """
    others = list(dict.fromkeys(media_ids))
    if not others or keep_media_id in others:
        raise InputError(
            "Name the picture to keep, and others to delete.",
            hint="Put the ids of the pictures to delete in `media_ids`.",
        )
    with services.database.transaction() as session:
        lock_near_duplicates(session)
        require_one_group(find_keepers(session, [keep_media_id, *others]), [keep_media_id, *others])
        record_marked(session, keep_media_id, others, actor)
        # Those that were compared with a marked one look for another.
        if forget_keepers(session, others):
            compare(session, services.settings)


def unmark(services: Services, keep_media_id: uuid.UUID, media_ids: Sequence[uuid.UUID]) -> None:
    """Take marks back: the media are a group again. Raises Conflict where they are deleted, or marked no more."""
    with services.database.transaction() as session:
        lock_near_duplicates(session)
        if not forget_marked(session, media_ids):
            raise Conflict("These pictures are no longer marked.", hint="They were kept or have already been deleted.")
        forget_comparisons(session, [keep_media_id])
        compare(session, services.settings)


def delete_marked(services: Services, *, until: datetime, actor: str) -> Deleted:
    """Delete, for good and in portions, what was marked `until` then: whoever confirms has not seen what was marked since."""
    deleted = 0
    removed: list[int] = []
    while True:
        with services.database.transaction() as session:
            # Held over the deletion, so that no mark is taken back meanwhile.
            lock_near_duplicates(session)
            marked = list_marked(session, _DELETED_AT_ONCE, until=until)
            if not marked:
                return Deleted(deleted, tuple(removed))
            removed += delete_media(services, marked, actor=actor).removed_cluster_ids
            deleted += len(marked)
