"""Make another space the active one, and lead back.

All that takes time comes before: the last gaps are filled, centroids and figures are made in line with the groups, backgrounds
sampled, encoders loaded by every process that answers queries. Then one transaction under the assigner's lock exchanges
what depends on the space, with the view last. Whoever reads goes on reading; a query that was encoded for the old space and
has not begun to read is encoded again. Broken off before that transaction, nothing has changed.
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
# More than these are aligned before the transaction, not in it.
_FEW_CLUSTERS = 200
_SHOWN = 5

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Activation:
    """What was done: the space that is active now and the one before, its threshold, and how long the assigner waited.
    set_aside: media that were left out because they had failed in it; led_back: ones that are grouped again."""

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
    """Make a space the active one. Groups keep identity, labels, locks and members.

    threshold: for assigning in it from now on; None keeps the one that was chosen for it, and takes the default of the
    library where it was active before. suggested: take what `compare` has suggested. without_failed: set media aside that
    have failed in it (see `setting_aside`), once all others are there.

    Raises:
        NotFound: there is no such space.
        Conflict: it is active already, its filling is paused, or no threshold is known for it.
        InputError: the threshold is not in (0, 1].
        SpaceIncomplete: media are missing in it; `failed` in its context names some.
        EncoderUnavailable: a process cannot load its encoders.
        TransactionConflict: the library was too busy at each attempt. Nothing is changed by any of these.
    """
    deadline = time.monotonic() + wait_seconds
    with services.database.transaction() as session:
        target, source = get_space(session, name), get_active_space(session)
        chosen = _choose_threshold(session, services, target, threshold, suggested=suggested)
        # What a run that was killed had set aside.
        lead_back(session, source.id)
        _require_filling(session, target, actor)
        start_fill(session, source.id, actor)
    tell("filling the last gaps")
    _fill_gaps(services, target, deadline, without_failed=without_failed)
    with _wanted(services, target):
        tell("computing centroids")
        align(services, target)
        tell("sampling backgrounds")
        for kind in BackgroundKind:
            with services.database.transaction() as session:
                open_backgrounds(session, target, kind)
        tell("loading encoders")
        _await_encoders(services, source, target, deadline)
        with _without_failed(services, source, target, actor, wanted=without_failed) as aside:
            tell("activating")
            activation = replace(_switch(services, source, target, chosen, actor, deadline), set_aside=aside)
    for work in (Work.ASSIGN, Work.FILL, Work.LABEL, Work.COMPARE, Work.REVIEW):
        services.doorbell.ring(work)
    return activation


def rollback(
    services: Services, *, actor: str, wait_seconds: float = 600.0, tell: Tell = lambda _line: None
) -> Activation:
    """Activate the space that was active before, at the threshold that it had. What it answered then it answers again,
    with what was uploaded since.

    Raises:
        Conflict: there is none. Else as `activate`.
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
    """Wait until workers have embedded what is missing. What has failed is refused at once, or not waited for."""
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
def _wanted(services: Services, target: Space) -> Iterator[None]:
    """Have processes hold the encoders of a space. After a crash this runs out by itself, and the sweep leads back what had
    been set aside."""
    _want(services, target)
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
def _without_failed(services: Services, source: Space, target: Space, actor: str, *, wanted: bool) -> Iterator[int]:
    """Set aside what has failed, as late as can be; how many media. They are led back where the change does not come about."""
    if not wanted:
        yield 0
        return
    try:
        aside = set_aside(services, target, actor=actor)
        # Their groups have other members now.
        align(services, target)
        yield aside
    except BaseException:
        with services.database.transaction() as session:
            lead_back(session, source.id)
        services.doorbell.ring(Work.ASSIGN)
        raise


def _want(services: Services, target: Space) -> None:
    with services.database.transaction() as session:
        want_encoders(session, target.id, WANTED_SECONDS)


def _await_encoders(services: Services, source: Space, target: Space, deadline: float) -> None:
    while True:
        _want(services, target)
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
    """Close the last gap, then exchange everything in one transaction; again where something was in the way."""
    failures = 0
    while True:
        with services.database.transaction() as session:
            _require_nothing_failed(session, target)
            # From now on nothing joins a group that the space has no vectors of.
            close_gaps(session, target.id, CLOSING_SECONDS)
        try:
            begun = time.perf_counter()
            with services.database.transaction() as session:
                event_id, waiting = _exchange(session, services, source, target, threshold, actor)
                # Those that were set aside when the model was changed before, and are in this space.
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
    """The transaction itself. Returns the event, or None and how much is not ready for it yet."""
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
    # Last, and impatiently: until the commit nobody else can begin to read the view.
    limit_lock_waits(session, _LOCK_SECONDS)
    activate_space(session, get_space(session, target.name))
    return event_id, 0
