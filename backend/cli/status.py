"""`mediacluster status`: pictures by status, workers and spaces."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import typer

from backend.cli.console import print_json, say
from backend.cli.library import open_services
from backend.cli.options import Json
from backend.cli.panels import Panel

if TYPE_CHECKING:
    from backend.features.services import Services
    from backend.store.operations import PauseState

commands = typer.Typer()


@dataclass(frozen=True)
class OtherSpace:
    """A space that is not active.

    Attributes:
        name: its name.
        state: its state.
        media: number of pictures of the library.
        embedded: how many of them have vectors in it.
        waiting: how many wait to be embedded.
        failed: how many failed.
        paused: whether filling is paused.
    """

    name: str
    state: str
    media: int
    embedded: int
    waiting: int
    failed: int
    paused: bool


@dataclass(frozen=True)
class StatusReport:
    """State of a library.

    Attributes:
        media: number of pictures by status.
        failures: number of failed pictures by error code.
        clusters: number of groups in the active space.
        space: name of the active space, None if there is none.
        workers: number of worker processes that respond.
        pause: who paused processing and when, None if nobody did.
        other_spaces: spaces that are not active.
        spaces_without_indexes: names of spaces that lack vector indexes.
    """

    media: dict[str, int]
    failures: dict[str, int]
    clusters: int
    space: str | None
    workers: int
    pause: "PauseState | None"
    other_spaces: list[OtherSpace]
    spaces_without_indexes: list[str]


@commands.command(rich_help_panel=Panel.BEGIN)
def status(as_json: Json = False) -> None:
    """Show how many pictures have each status, what is waiting, and whether workers respond."""
    with open_services() as services:
        report = read_status(services)
    if as_json:
        print_json(asdict(report))
        return
    if report.pause:
        say(
            f"paused since {report.pause.paused_at:%Y-%m-%d %H:%M} by {report.pause.actor}; continue "
            "with `mediacluster resume`"
        )
    if report.spaces_without_indexes:
        say(
            f"no vector indexes in {', '.join(report.spaces_without_indexes)}; run `mediacluster doctor` for what to do"
        )
    for name, number in report.media.items():
        say(f"{number:>8} {name}")
    say(f"{report.clusters:>8} groups in space {report.space or '(none yet)'}")
    say(f"{report.workers:>8} workers answer")
    for other in report.other_spaces:
        rest = f", {other.failed:,} failed" * bool(other.failed) + ", paused" * other.paused
        say(
            f"{other.waiting:>8} wait for space {other.name} ({other.state}): {other.embedded:,} of {other.media:,} are in{rest}"
        )
    for code, number in report.failures.items():
        say(f"{number:>8} failed with {code}")


def read_status(services: "Services") -> StatusReport:
    from backend.features.model_change import list_standing
    from backend.store.groups import count_clusters
    from backend.store.media import count_failures_by_code, count_media_by_status
    from backend.store.operations import find_pause
    from backend.store.spaces import find_active_space, list_spaces_without_indexes

    with services.database.transaction() as session:
        space = find_active_space(session)
        return StatusReport(
            media={status.value: count for status, count in count_media_by_status(session).items()},
            failures=count_failures_by_code(session),
            clusters=count_clusters(session),
            space=space.name if space else None,
            workers=services.doorbell.count_listeners(),
            pause=find_pause(session),
            other_spaces=[
                OtherSpace(
                    one.name,
                    one.state,
                    one.counts.media,
                    one.counts.embedded,
                    one.counts.waiting,
                    one.counts.failed,
                    one.paused,
                )
                for one in list_standing(session)
                if space is None or one.id != space.id
            ],
            spaces_without_indexes=list_spaces_without_indexes(session),
        )
