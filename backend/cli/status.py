"""`mediacluster status`: where everything stands."""

from dataclasses import dataclass

from backend.features.model_change import list_standing
from backend.features.services import Services
from backend.store.groups import count_clusters
from backend.store.media import count_failures_by_code, count_media_by_status
from backend.store.operations import PauseState, find_pause
from backend.store.spaces import find_active_space, list_spaces_without_indexes


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
    pause: PauseState | None
    other_spaces: list[OtherSpace]
    spaces_without_indexes: list[str]


def read_status(services: Services) -> StatusReport:
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
