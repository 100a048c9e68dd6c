"""Tasks of the model page that take long: create, compare, activate and roll back spaces. Each is a row of `space_work`, visible to
every process that serves the pages, and runs in a process of its own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

from backend.errors import InputError, MediaclusterError, NotFound
from backend.features.evaluation import Source
from backend.features.model_change.activation import Activation, activate, rollback
from backend.features.model_change.comparison import compare
from backend.features.model_change.spaces import choose_names, make_space
from backend.features.services import Services
from backend.files.text import is_storable
from backend.rules.editing import media_count
from backend.store.access import Act, asked_from, record_act
from backend.store.leases import SPACE_WORK_BEAT_SECONDS, repeated
from backend.store.schema import SpaceWork
from backend.store.spaces import find_work, insert_work, record_alive, record_failure, record_outcome


class Kind(StrEnum):
    """Kinds of tasks, as in the table's CHECK."""

    CREATE = "create"
    COMPARE = "compare"
    ACTIVATE = "activate"
    ROLLBACK = "rollback"


def ask(services: Services, kind: Kind, subject: str, arguments: dict[str, Any], *, actor: str, address: str) -> int:
    """Record a task, in the audit log too, and return its id. The caller starts a process for it.

    Raises:
        InputError: a name or an argument holds characters that cannot be stored.
        Conflict: another task is running.
    """
    words = [subject, *(value for value in arguments.values() if isinstance(value, str))]
    if not all(map(is_storable, words)):
        raise InputError("A name contains invalid characters.", hint="Remove NUL and lone surrogates.")
    with services.database.transaction() as session:
        work = insert_work(session, kind.value, subject, arguments, actor=actor, address=address)
        record_act(session, actor, Act.SPACE_WORK_ASKED, subject, work=kind.value, **arguments)
        return work.id


def perform(services: Services, work_id: int) -> str:
    """Run a task, with progress, and record its result. Returns the result as text.

    Raises:
        NotFound: the task does not exist.
        Conflict: it has ended. MediaclusterError: the task failed, which is recorded.
    """
    with services.database.transaction() as session:
        work = find_work(session, work_id)
    if work is None or work.ended_at is not None:
        raise NotFound(f"There is no open task {work_id}.", hint="Start it on the Model page.")
    try:
        with _recording_progress(services, work_id) as tell, asked_from(work.address):
            outcome = _do(services, work, tell)
    except MediaclusterError as error:
        with services.database.transaction() as session:
            record_failure(session, work_id, error)
        raise
    except Exception:
        unexpected = MediaclusterError("It ended in an unexpected error.", hint="The server log has details.")
        with services.database.transaction() as session:
            record_failure(session, work_id, unexpected)
        raise
    with services.database.transaction() as session:
        record_outcome(session, work_id, outcome)
    return outcome


Tell = Callable[[str, int, int], None]


def _do(services: Services, work: SpaceWork, tell: Tell) -> str:
    given = work.arguments
    match Kind(work.kind):
        case Kind.CREATE:
            tell("loading the models", 0, 0)
            names = choose_names(
                services, given["preset"], given["image_model"], given["image_checkpoint"], given["text_model"]
            )
            space = make_space(services, names, name=given["name"], actor=work.actor)
            return f"Space '{space.name}' was created and is empty."
        case Kind.COMPARE:
            tell("computing centroids", 0, 0)
            # Rows from before labels could be chosen have none.
            labels = given.get("labels")
            source = None if labels is None else Source(labels)
            found = compare(services, work.subject, source=source, actor=work.actor, on_progress=tell)
            return f"Space '{work.subject}' is compared: threshold {found.suggested_threshold:g} is suggested."
        case Kind.ACTIVATE:
            done = activate(
                services,
                work.subject,
                threshold=given["threshold"],
                actor=work.actor,
                without_failed=given["without_failed"],
                tell=lambda line: tell(line, 0, 0),
            )
            return _describe(done)
        case Kind.ROLLBACK:
            return _describe(rollback(services, actor=work.actor, tell=lambda line: tell(line, 0, 0)))


def _describe(done: Activation) -> str:
    said = f"Space '{done.name}' replaces '{done.previous}' at threshold {done.threshold:g}."
    if done.set_aside:
        said += f" {media_count(done.set_aside)} set aside."
    if done.led_back:
        said += f" {media_count(done.led_back)} set aside earlier are grouped again."
    return said


@contextmanager
def _recording_progress(services: Services, work_id: int) -> Iterator[Tell]:
    """Record progress every second, from a thread, because the task may report nothing for a long time."""
    latest: tuple[str, int, int] = ("", 0, 0)

    def tell(stage: str, done: int, total: int) -> None:
        nonlocal latest
        latest = (stage, done, total)

    with repeated(
        services.database,
        lambda session: record_alive(session, work_id, *latest),
        SPACE_WORK_BEAT_SECONDS,
        at_once=True,
    ):
        yield tell
