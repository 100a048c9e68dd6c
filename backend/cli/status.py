"""`mediacluster status`: where everything stands."""

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
    """A space beside the active one: how many of `media` have vectors in it, how many wait for them and failed, and whether
    filling it is paused."""

    name: str
    state: str
    media: int
    embedded: int
    waiting: int
    failed: int
    paused: bool


@dataclass(frozen=True)
class StatusReport:
    """Media by status, failures by code, clusters of the active space, worker processes that answer, who paused them
    (None: nobody), the spaces beside the active one, and those that lack vector indexes."""

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
