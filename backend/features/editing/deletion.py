"""Permanent deletion of pictures."""

import uuid
from collections.abc import Sequence
from dataclasses import replace

from backend.doorbell import Work
from backend.errors import Conflict, NotFound, TransactionConflict
from backend.features.editing.apply import write_edit
from backend.features.editing.plan import distinct_media
from backend.features.editing.transactions import edited_if_grouped
from backend.features.services import Services
from backend.rules.editing import Edit, Outcome, Snapshot, existing_memberships, media_count
from backend.store.access import Act, record_act
from backend.store.engine import Session
from backend.store.groups import DELETE, EventContent, insert_event, read_snapshot, record_event_content
from backend.store.media import Doomed, delete_media_rows, lock_media, remove_unheld_files
from backend.store.schema import Space

# Half of Postgres' deadlock_timeout.
_LOCK_WAIT_SECONDS = 0.5
_TRIES = 10
# The audit log lists up to this many ids; the journal has all.
_MOST_NAMED = 200


def delete_media(services: Services, media_ids: Sequence[uuid.UUID], *, actor: str, dry_run: bool = False) -> Outcome:
    """Delete pictures in any state, with everything derived from them. Cannot be undone.

    Files are deleted after the commit of the rows. A file that cannot be deleted is logged.

    Raises:
        InputError: no ids, or too many.
        NotFound: a picture does not exist.
        Conflict: workers hold the rows for too long.
    """
    chosen = distinct_media(media_ids)
    for _ in range(_TRIES):
        try:
            outcome, doomed = _delete_rows(services, chosen, actor, dry_run=dry_run)
        except TransactionConflict:
            continue
        if not dry_run:
            services.doorbell.ring(Work.DELIVER)
            files = [one.file for one in doomed if one.file is not None]
            remove_unheld_files(services.database, services.storage, files)
        return outcome
    raise Conflict("Workers are busy with these pictures.", hint="Try again in a moment.")


def _delete_rows(
    services: Services, chosen: list[uuid.UUID], actor: str, *, dry_run: bool
) -> tuple[Outcome, list[Doomed]]:
    with edited_if_grouped(services, dry_run=dry_run) as (session, space):
        doomed = lock_media(session, chosen, wait_seconds=_LOCK_WAIT_SECONDS)
        missing = set(chosen) - {one.media_id for one in doomed}
        if missing:
            raise NotFound(f"There is no picture {min(missing)}.", hint="Nothing was deleted.")
        outcome = _write(session, space, [one.media_id for one in doomed], actor)
    return (replace(outcome, event_id=None) if dry_run else outcome), doomed


def _write(session: Session, space: Space | None, media_ids: list[uuid.UUID], actor: str) -> Outcome:
    before = read_snapshot(session, [], media_ids)
    held = {state.cluster_id for state in existing_memberships(before).values()}
    edit = Edit(
        DELETE,
        Snapshot(read_snapshot(session, held, []).clusters, before.memberships),
        Snapshot({}, dict.fromkeys(media_ids)),
        f"Deleted {media_count(len(media_ids))}",
        warnings=("A deletion cannot be undone.",),
    )
    outcome = (
        write_edit(session, space, edit, actor=actor) if space is not None else _write_ungrouped(session, edit, actor)
    )
    delete_media_rows(session, media_ids)
    record_act(
        session,
        actor,
        Act.MEDIA_DELETED,
        media_count(len(media_ids)),
        media_ids=[str(one) for one in media_ids[:_MOST_NAMED]],
    )
    return outcome


def _write_ungrouped(session: Session, edit: Edit, actor: str) -> Outcome:
    """Record a deletion in a library that has no groups yet."""
    event_id = insert_event(session, edit.kind, actor, edit.summary, None)
    record_event_content(session, event_id, EventContent(edit.before, edit.after), [])
    return Outcome(event_id, edit.kind, edit.summary, warnings=edit.warnings)
