"""Events about pictures: Postgres NOTIFY and webhook deliveries, in the transaction of the change."""

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

    @property
    def subject(self) -> str:
        """The field of an event that says what it happened to: `media_id` of a `media.…`."""
        return f"{self.partition('.')[0]}_id"


@dataclass(frozen=True)
class Event:
    """Something that happened. An event of a picture has its `media_id`; `cluster_id` is then the group that it is in."""

    kind: EventKind
    media_id: uuid.UUID | None = None
    cluster_id: int | None = None
    error_code: str | None = None

    def __post_init__(self) -> None:
        if getattr(self, self.kind.subject) is None:
            raise ValueError(f"{self.kind} needs {self.kind.subject}")

    def body(self) -> dict[str, Any]:
        """The payload of NOTIFY and webhooks, without None values."""
        body = {
            "type": self.kind,
            "media_id": None if self.media_id is None else str(self.media_id),
            "cluster_id": self.cluster_id,
            "error_code": self.error_code,
        }
        return {name: value for name, value in body.items() if value is not None}


def record_events(session: Session, events: Sequence[Event]) -> None:
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
