"""Progress of uploads, for the upload page."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend.store.schema import EMBEDDED_STATUSES, MediaStatus
from backend.store.statements import Statements

_SQL = Statements(__file__)


class Stage(StrEnum):
    """Stages of an upload on the page. FETCHING, STORED and EMBEDDED are not final."""

    FETCHING = "fetching"
    STORED = "stored"
    EMBEDDED = "embedded"
    GROUPED = "grouped"
    DUPLICATE = "duplicate"
    FAILED = "failed"
    GONE = "gone"


_STAGES = {
    MediaStatus.FETCHING: Stage.FETCHING,
    MediaStatus.PENDING: Stage.STORED,
    MediaStatus.EMBEDDED: Stage.EMBEDDED,
    MediaStatus.READY: Stage.GROUPED,
    MediaStatus.DUPLICATE: Stage.DUPLICATE,
    MediaStatus.FAILED: Stage.FAILED,
}
_UNSETTLED = frozenset({Stage.FETCHING, Stage.STORED, Stage.EMBEDDED})


@dataclass(frozen=True)
class JoinedGroup:
    """The group of an upload. `founded` means that the picture started it."""

    id: int
    label: str
    similarity: float
    founded: bool


@dataclass(frozen=True)
class Progress:
    """Progress of one upload. `shown_id` is the picture to show, which for a duplicate is the existing one. `sha256` is hex, None before
    there is a thumbnail."""

    id: uuid.UUID
    stage: Stage
    shown_id: uuid.UUID
    sha256: str | None = None
    group: JoinedGroup | None = None
    code: str | None = None
    detail: str | None = None

    @property
    def is_settled(self) -> bool:
        return self.stage not in _UNSETTLED


def list_progress(session: Session, media_ids: Sequence[uuid.UUID]) -> list[Progress]:
    """Progress of these pictures, in order. Deleted ones have a stage of their own. One statement."""
    rows = {row.id: row for row in session.execute(sa.text(_SQL("list_progress")), {"ids": list(media_ids)})}
    return [_progress(rows[one]) if one in rows else Progress(one, Stage.GONE, one) for one in media_ids]


def _progress(row: Any) -> Progress:
    group = None
    if row.cluster_id is not None:
        group = JoinedGroup(row.cluster_id, row.label, row.similarity, row.founder)
    return Progress(
        id=row.id,
        stage=_STAGES[MediaStatus(row.status)],
        shown_id=row.shown_id,
        sha256=row.sha256 if row.shown_status in EMBEDDED_STATUSES else None,
        group=group,
        code=row.error_code,
        detail=row.error_detail,
    )
