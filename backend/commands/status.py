"""`mediacluster status`: where everything stands."""

from dataclasses import dataclass

from backend.db.clusters import count_clusters
from backend.db.media import count_failures_by_code, count_media_by_status
from backend.db.pause import PauseState, find_pause
from backend.db.spaces import find_active_space
from backend.services import Services


@dataclass(frozen=True)
class StatusReport:
    """Media by status, failures by code, clusters of the active space, worker processes that answer, and who paused them
    (None: nobody)."""

    media: dict[str, int]
    failures: dict[str, int]
    clusters: int
    space: str | None
    workers: int
    pause: PauseState | None


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
        )
