"""Queries on processes that hold encoders in memory."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.store.leases import ENCODERS_SECONDS, from_now
from backend.store.schema import EncoderHolder, Space, SpaceFill


@dataclass(frozen=True)
class Holding:
    """Processes that hold the active space's encoders: their number, how many also hold those of another space, and failures by
    process."""

    processes: int
    ready: int
    failures: dict[str, str]


def record_holder(session: Session, process: str, space_id: int, *, is_ready: bool, failure: str | None = None) -> None:
    """Record whether a process holds the encoders of a space."""
    values = {"is_ready": is_ready, "failure": failure, "seen_at": sa.func.now()}
    statement = insert(EncoderHolder).values(process=process, space_id=space_id, **values)
    session.execute(statement.on_conflict_do_update(index_elements=["process", "space_id"], set_=values))


def forget_holder(session: Session, process: str) -> None:
    """Delete the rows of a process, and of processes that have been silent for long."""
    silent = EncoderHolder.seen_at < sa.func.now() - sa.func.make_interval(0, 0, 0, 1)
    session.execute(sa.delete(EncoderHolder).where(sa.or_(EncoderHolder.process == process, silent)))


def list_wanted_spaces(session: Session) -> list[Space]:
    """Spaces that are about to be activated."""
    query = sa.select(Space).join(SpaceFill, SpaceFill.space_id == Space.id)
    return list(session.scalars(query.where(SpaceFill.wanted_until > sa.func.now(), sa.not_(Space.is_active))))


def count_holders(session: Session, active_id: int, space_id: int) -> Holding:
    """Count the processes that hold the active space's encoders, and those among them that also hold another one's."""
    fresh = EncoderHolder.seen_at > from_now(-ENCODERS_SECONDS)
    holding = set(
        session.scalars(
            sa.select(EncoderHolder.process).where(EncoderHolder.space_id == active_id, EncoderHolder.is_ready, fresh)
        )
    )
    others = {
        row.process: row
        for row in session.scalars(sa.select(EncoderHolder).where(EncoderHolder.space_id == space_id, fresh))
        if row.process in holding
    }
    return Holding(
        len(holding),
        sum(row.is_ready for row in others.values()),
        {process: row.failure for process, row in others.items() if row.failure is not None},
    )
