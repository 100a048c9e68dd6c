"""Tell the world: Postgres NOTIFY, and a row for each webhook that asked, in the transaction that it tells of."""

import enum
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from backend.store.statements import Statements

_SQL = Statements(__file__)
CHANNEL = "mediacluster"


class EventKind(enum.StrEnum):
    """What can be told of. `media.moved` is a membership changed by an edit, a curator's or the machine's."""

    READY = "media.ready"
    FAILED = "media.failed"
    MOVED = "media.moved"
    DELETED = "media.deleted"


@dataclass(frozen=True)
class MediaEvent:
    """One thing that happened to one media."""

    kind: EventKind
    media_id: uuid.UUID
    cluster_id: int | None = None
    error_code: str | None = None

    def body(self) -> dict[str, Any]:
        """The payload of both NOTIFY and webhook: without what is None."""
        body = {
            "type": self.kind,
            "media_id": str(self.media_id),
            "cluster_id": self.cluster_id,
            "error_code": self.error_code,
        }
        return {name: value for name, value in body.items() if value is not None}


def record_events(session: Session, events: Sequence[MediaEvent]) -> None:
    """Queue the events; they leave when the transaction commits, and not if it does not."""
    if not events:
        return
    session.execute(
        text(_SQL("record_events")),
        {
            "kinds": [event.kind.value for event in events],
            "bodies": [json.dumps(event.body()) for event in events],
            "channel": CHANNEL,
        },
    )
