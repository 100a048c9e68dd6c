"""The transaction of an edit: one writer, and for a preview nothing that stays."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from backend.doorbell import Work
from backend.features.services import Services
from backend.rules.editing import Outcome
from backend.store.engine import Session
from backend.store.groups import lock_assigner
from backend.store.schema import Space
from backend.store.spaces import find_active_space, get_active_space
from backend.store.telemetry import Measure, add_values


@contextmanager
def edited(services: Services, *, dry_run: bool) -> Iterator[tuple[Session, Space]]:
    """A transaction under the assigner's lock, and the active space. A preview does the very same work and takes it
    back: only sequences have moved on.

    Raises:
        NotFound: there is no active space yet, and with it no group.
    """
    with edited_if_grouped(services, dry_run=dry_run) as (session, space):
        yield session, space or get_active_space(session)


@contextmanager
def edited_if_grouped(services: Services, *, dry_run: bool) -> Iterator[tuple[Session, Space | None]]:
    """As `edited`, for what can be done before anything is grouped: the space is None where there is none."""
    with services.database.transaction() as session:
        begun = time.perf_counter()
        lock_assigner(session)
        waited_seconds = time.perf_counter() - begun
        space = find_active_space(session)
        savepoint = session.begin_nested()
        yield session, space
        if dry_run:
            savepoint.rollback()
        add_values(session, {Measure.LOCK_WAIT: [waited_seconds]})


def settled(services: Services, outcome: Outcome, *, dry_run: bool) -> Outcome:
    """The outcome after the commit: whoever waits for events is told, and a preview names none."""
    if dry_run:
        return replace(outcome, event_id=None)
    if outcome.moved:
        services.doorbell.ring(Work.DELIVER)
    return outcome
