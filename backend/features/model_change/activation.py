"""Activation of another space, and rollback.

Everything slow happens before: gaps are filled, centroids and figures are aligned with the groups, backgrounds are sampled, and every
process that answers queries loads the encoders. Then one transaction under the assigner's lock exchanges everything that depends on
the space, the view last. Readers are not blocked; a query that was encoded for the old space but has not started to read is encoded
again. If this is interrupted before that transaction, nothing has changed.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from backend.doorbell import Work
from backend.errors import (
    Conflict,
    EncoderUnavailable,
    SpaceIncomplete,
    TransactionConflict,
)
from backend.features.consolidation import require_threshold
from backend.features.model_change.alignment import align
from backend.features.model_change.exclusion import set_aside
from backend.features.search import BackgroundKind, open_backgrounds
from backend.features.services import Services
from backend.rules.editing import media_count
from backend.store.access import Act, record_act
from backend.store.engine import Session
from backend.store.groups import MODEL, bump_centroid_version, carry_label_statistics, insert_event, lock_assigner
from backend.store.leases import CLOSING_SECONDS, WANTED_SECONDS, renewed
from backend.store.media import lead_back
from backend.store.schema import Space
from backend.store.spaces import (
    activate_space,
    align_clusters,
    announce_space,
    close_gaps,
    count_holders,
    count_unready,
    count_waiting_items,
    exchange_figures,
    find_fill,
    find_previous_space,
    find_threshold,
    get_active_space,
    get_space,
    get_threshold,
    limit_lock_waits,
    list_failed_items,
    list_unaligned,
    lock_spaces,
    queue_missing,
    record_threshold,
    start_fill,
    want_encoders,
)

_POLL_SECONDS = 0.2
_LOCK_SECONDS = 2.0
_ATTEMPTS = 30
# A larger number is aligned before the transaction, not in it.
_FEW_CLUSTERS = 200
_SHOWN = 5

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Activation:
    """Result of an activation.

    Attributes:
        name: the active space.
        previous: the space that was active before.
        threshold: threshold of the active space.
        event_id: the event in the history.
        seconds: how long the assigner waited.
        set_aside: number of pictures left out because they failed in the space.
        led_back: number of pictures, left out before, that are grouped again.
    """

    name: str
    previous: str
    threshold: float
    event_id: int
    seconds: float
    set_aside: int = 0
    led_back: int = 0


def activate(
    services: Services,
    name: str,
    *,
    threshold: float | None = None,
    suggested: bool = False,
    actor: str,
    wait_seconds: float = 600.0,
    without_failed: bool = False,
    tell: Tell = lambda _line: None,
) -> Activation:
    """Activate a space. Groups keep their ids, labels, locks and members.

    Args:
        services: services of the process.
        name: name of the space.
        threshold: threshold in the space from now on. None keeps the one chosen for it, or the library's default if it was active
            before.
        suggested: use the threshold that `compare` suggested.
        actor: who requested it.
        wait_seconds: how long to wait for workers.
        without_failed: once all others are there, set aside the pictures that failed in it (see `set_aside`).
        tell: called with lines of progress.

    Raises:
        NotFound: the space does not exist.
        Conflict: it is already active, its filling is paused, or it has no threshold.
        InputError: the threshold is not in (0, 1].
        SpaceIncomplete: it lacks pictures. `failed` in the error's context lists some that failed.
        EncoderUnavailable: a process cannot load its encoders.
        TransactionConflict: the library was too busy at each attempt. None of these errors leaves a change.
    """
    deadline = time.monotonic() + wait_seconds
    with services.database.transaction() as session:
        target, source = get_space(session, name), get_active_space(session)
        chosen = _choose_threshold(session, services, target, threshold, suggested=suggested)
        # Left over from an activation that was killed.
        lead_back(session, source.id)
        _require_filling(session, target, actor)
        start_fill(session, source.id, actor)
    tell("filling the last gaps")
    _fill_gaps(services, target, deadline, without_failed=without_failed)
    with _encoders_requested(services, target):
        tell("computing centroids")
        align(services, target)
        tell("sampling backgrounds")
        for kind in BackgroundKind:
            with services.database.transaction() as session:
                open_backgrounds(session, target, kind)
        tell("loading encoders")
        _await_encoders(services, source, target, deadline)
        with _failed_set_aside(services, source, target, actor, wanted=without_failed) as aside:
            tell("activating")
            activation = replace(_switch(services, source, target, chosen, actor, deadline), set_aside=aside)
    for work in (Work.ASSIGN, Work.FILL, Work.LABEL, Work.COMPARE, Work.REVIEW):
        services.doorbell.ring(work)
    return activation


def rollback(
    services: Services, *, actor: str, wait_seconds: float = 600.0, tell: Tell = lambda _line: None
) -> Activation:
    """Activate the previously active space with its threshold. It then answers as before, with the uploads since then.

    Raises:
        Conflict: there is none. Otherwise like `activate`.
    """
    with services.database.transaction() as session:
        previous = find_previous_space(session)
    if previous is None:
        raise Conflict("There is no space to go back to.", hint="`mediacluster space list` lists the spaces.")
    return activate(services, previous.name, actor=actor, wait_seconds=wait_seconds, tell=tell)


def _choose_threshold(
    session: Session, services: Services, target: Space, threshold: float | None, *, suggested: bool
) -> float:
    if target.is_active:
        raise Conflict(f"Space '{target.name}' is already active.", hint="`mediacluster space list` lists the spaces.")
    if suggested:
        fill = find_fill(session, target.id)
        if fill is None or fill.comparison is None:
            raise Conflict(
                f"There is no suggested threshold for space '{target.name}' yet.",
                hint=f"`mediacluster space compare {target.name}` finds a threshold.",
            )
        threshold = float(fill.comparison["suggested_threshold"])
    if threshold is None:
        threshold = find_threshold(session, target.id)
    if threshold is None and target.activated_at is not None:
        threshold = get_threshold(session, target.id, services.settings.threshold)
    if threshold is None:
        raise Conflict(
            f"Space '{target.name}' has no threshold: cosines of different models are not comparable.",
            hint=f"Run `mediacluster space compare {target.name}`, then activate with --threshold suggested.",
        )
    require_threshold(threshold)
    return threshold


def _require_filling(session: Session, target: Space, actor: str) -> None:
    fill = start_fill(session, target.id, actor)
    if fill.paused_at is not None:
        raise Conflict(
            f"Filling space '{target.name}' is paused.", hint=f"Continue with `mediacluster space fill {target.name}`."
        )
    queue_missing(session, target.id)


def _fill_gaps(services: Services, target: Space, deadline: float, *, without_failed: bool) -> None:
    """Wait until workers have embedded what is missing. Failed pictures are refused at once, or ignored with `without_failed`."""
    services.doorbell.ring(Work.FILL)
    while True:
        with services.database.transaction() as session:
            if without_failed:
                waiting = count_waiting_items(session, target.id)
            else:
                _require_nothing_failed(session, target)
                waiting = count_unready(session, target.id)
        if not waiting:
            return
        _require_time(target, waiting, deadline)
        time.sleep(_POLL_SECONDS)


def _require_nothing_failed(session: Session, target: Space) -> None:
    failed = list_failed_items(session, target.id, _SHOWN + 1)
    if failed:
        few = [f"{one.media_id} ({one.error_code})" for one in failed[:_SHOWN]]
        raise SpaceIncomplete(
            f"Pictures have failed in space '{target.name}': {', '.join(few)}{' and more' if len(failed) > _SHOWN else ''}.",
            hint=f"`mediacluster space failures {target.name}` lists them. Restore their originals and "
            "fill with --retry-failed, or activate with --without-failed to set them aside.",
            failed=[str(one.media_id) for one in failed[:_SHOWN]],
        )


def _require_time(target: Space, waiting: int, deadline: float) -> None:
    if time.monotonic() > deadline:
        raise SpaceIncomplete(
            f"Space '{target.name}' still lacks {media_count(waiting)}.",
            hint=f"Check that workers are running. `mediacluster space fill {target.name} --wait` shows their progress.",
            failed=[],
        )


@contextlib.contextmanager
def _encoders_requested(services: Services, target: Space) -> Iterator[None]:
    """Make processes keep the encoders of a space loaded. After a crash this expires, and the sweep restores pictures that were set
    aside."""
    _request_encoders(services, target)
    try:
        with renewed(
            services.database, lambda session: want_encoders(session, target.id, WANTED_SECONDS), WANTED_SECONDS
        ):
            yield
    finally:
        with services.database.transaction() as session:
            want_encoders(session, target.id, None)
            close_gaps(session, target.id, None)


@contextlib.contextmanager
def _failed_set_aside(services: Services, source: Space, target: Space, actor: str, *, wanted: bool) -> Iterator[int]:
    """Set aside pictures that failed, as late as possible. Yields their number. If the activation fails, they are restored."""
    if not wanted:
        yield 0
        return
    try:
        aside = set_aside(services, target, actor=actor)
        # Their groups have changed.
        align(services, target)
        yield aside
    except BaseException:
        with services.database.transaction() as session:
            lead_back(session, source.id)
        services.doorbell.ring(Work.ASSIGN)
        raise


def _request_encoders(services: Services, target: Space) -> None:
    with services.database.transaction() as session:
        want_encoders(session, target.id, WANTED_SECONDS)


def _await_encoders(services: Services, source: Space, target: Space, deadline: float) -> None:
    while True:
        _request_encoders(services, target)
        with services.database.transaction() as session:
            holding = count_holders(session, source.id, target.id)
        if holding.failures:
            process, reason = next(iter(holding.failures.items()))
            raise EncoderUnavailable(
                f"Process {process} cannot load the encoders of space '{target.name}': {reason}",
                hint="Put the model where every process finds it, then activate again.",
            )
        if holding.ready >= holding.processes:
            return
        if time.monotonic() > deadline:
            raise EncoderUnavailable(
                f"{holding.processes - holding.ready} of {holding.processes} processes have not loaded the encoders of "
                f"space '{target.name}' yet.",
                hint="Check their logs, then activate again.",
            )
        time.sleep(_POLL_SECONDS)


def _switch(
    services: Services, source: Space, target: Space, threshold: float, actor: str, deadline: float
) -> Activation:
    """Close the last gaps, then exchange everything in one transaction. Retries on conflicts."""
    failures = 0
    while True:
        with services.database.transaction() as session:
            _require_nothing_failed(session, target)
            # From now on, only pictures with vectors in the space join groups.
            close_gaps(session, target.id, CLOSING_SECONDS)
        try:
            begun = time.perf_counter()
            with services.database.transaction() as session:
                event_id, waiting = _exchange(session, services, source, target, threshold, actor)
                # pictures set aside in an earlier change that have vectors in this space
                led_back = 0 if event_id is None else lead_back(session, target.id)
            if event_id is not None:
                seconds = time.perf_counter() - begun
                return Activation(target.name, source.name, threshold, event_id, seconds, led_back=led_back)
        except TransactionConflict:
            failures += 1
            if failures >= _ATTEMPTS:
                raise
            waiting = 1
        _require_time(target, waiting, deadline)
        if waiting > _FEW_CLUSTERS:
            align(services, target)
        services.doorbell.ring(Work.FILL)
        time.sleep(_POLL_SECONDS)


def _exchange(
    session: Session, services: Services, source: Space, target: Space, threshold: float, actor: str
) -> tuple[int | None, int]:
    """The final transaction. Returns the event id and 0, or None and the number of pictures or groups that are not ready."""
    lock_assigner(session)
    lock_spaces(session)
    if get_active_space(session).id != source.id:
        raise Conflict(
            "Another space was activated in the meantime.", hint="Check `mediacluster space list`, then try again."
        )
    waiting = count_unready(session, target.id, grouped=True)
    unaligned = [] if waiting else list_unaligned(session, target.id)
    if waiting or len(unaligned) > _FEW_CLUSTERS:
        return None, waiting or len(unaligned)
    align_clusters(session, target.id, unaligned)
    if exchange_figures(session, source.id, target.id, threshold):
        raise TransactionConflict("A membership has no figures in the new space.", hint="Activate again.")
    summary = f"Changed the model: space '{target.name}' instead of '{source.name}', threshold {threshold:g}"
    event_id = insert_event(session, MODEL, actor, summary, None)
    if threshold != get_threshold(session, target.id, services.settings.threshold):
        record_threshold(session, event_id, target.id, threshold)
    bump_centroid_version(session, target.id)
    carry_label_statistics(session, source.id, target.id)
    record_act(session, actor, Act.SPACE_ACTIVATED, target.name, instead_of=source.name, threshold=threshold)
    announce_space(session, target.name)
    # Last, with a short lock timeout: until the commit, no other transaction can start to read the view.
    limit_lock_waits(session, _LOCK_SECONDS)
    activate_space(session, get_space(session, target.name))
    return event_id, 0
