"""Removal of pictures that a space cannot have: those imported as vectors, and those whose originals are lost.

They leave their groups by an edit in the journal and fail with `not_in_space`, so that all ready pictures can be found. Their vectors
in other spaces stay. If such a space is activated again, they are grouped again like uploads.
"""

from backend.doorbell import Work
from backend.errors import SpaceIncomplete
from backend.features.editing import edited, read_snapshot, write_edit
from backend.features.services import Services
from backend.rules.editing import Edit, Snapshot, existing_memberships, media_count
from backend.store.access import Act, record_act
from backend.store.engine import Session
from backend.store.groups import DELETE
from backend.store.media import record_set_aside
from backend.store.schema import Space
from backend.store.spaces import drop_items, has_vectors, list_failed_items

_AT_ONCE = 1_000


def set_aside(services: Services, space: Space, *, actor: str) -> int:
    """Set aside the pictures that failed in this space, in batches. Returns their number.

    Raises:
        SpaceIncomplete: no other pictures are in the space.
    """
    count = 0
    while True:
        with edited(services, dry_run=False) as (session, active):
            failed = list_failed_items(session, space.id, _AT_ONCE)
            if not failed:
                break
            _require_something(session, space)
            ids = [one.media_id for one in failed]
            memberships = existing_memberships(read_snapshot(session, [], ids))
            if memberships:
                clusters = read_snapshot(session, {one.cluster_id for one in memberships.values()}, []).clusters
                summary = f"Set aside {media_count(len(memberships))} that space '{space.name}' has no vectors of"
                after = Snapshot({}, dict.fromkeys(memberships))
                write_edit(session, active, Edit(DELETE, Snapshot(clusters, memberships), after, summary), actor=actor)
            aside = record_set_aside(session, space, ids)
            drop_items(session, space.id, ids)
            record_act(session, actor, Act.SPACE_MEDIA_SET_ASIDE, space.name, media=len(aside))
            count += len(aside)
    if count:
        services.doorbell.ring(Work.DELIVER)
    return count


def _require_something(session: Session, space: Space) -> None:
    if not has_vectors(session, space.id):
        raise SpaceIncomplete(
            f"Space '{space.name}' has no vectors: without the failed pictures nothing would be left.",
            hint=f"`mediacluster space failures {space.name}` says why they failed.",
            failed=[],
        )
