"""Transactions of edits: one writer at a time, rolled back for previews."""

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
    """Open a transaction under the assigner's lock. Yields it with the active space. A preview does the same work and rolls it back,
    except for sequences.

    Raises:
        NotFound: there is no active space, hence no group.
    """
    with edited_if_grouped(services, dry_run=dry_run) as (session, space):
        yield session, space or get_active_space(session)


@contextmanager
def edited_if_grouped(services: Services, *, dry_run: bool) -> Iterator[tuple[Session, Space | None]]:
    """Like `edited`, for operations that are possible before anything is grouped. The space is None then."""
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
    """The outcome after the commit. Triggers webhooks; for a preview, removes the event id instead."""
    if dry_run:
        return replace(outcome, event_id=None)
    if outcome.moved:
        services.doorbell.ring(Work.DELIVER)
    return outcome
