"""Queries on audits of recall."""

from collections.abc import Mapping

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from backend.store.schema import RecallAudit

_KEPT = 100


def record_recall_audit(
    session: Session,
    space_id: int,
    *,
    k: int,
    sampled: int,
    fused: Mapping[float, float],
    fused_index: Mapping[float, float],
    legs: Mapping[str, float],
) -> None:
    """Add one, and let go of all but the last hundred. fused, fused_index: recall by alpha; legs: by leg."""
    by_alpha = ({f"{alpha:g}": recall for alpha, recall in part.items()} for part in (fused, fused_index))
    parts = dict(zip(("fused", "fused_index"), by_alpha, strict=True))
    session.add(RecallAudit(space_id=space_id, k=k, sampled=sampled, legs=dict(legs), **parts))
    session.flush()
    kept = select(RecallAudit.id).order_by(RecallAudit.id.desc()).limit(_KEPT)
    session.execute(delete(RecallAudit).where(RecallAudit.id.not_in(kept)))


def find_last_recall_audit(session: Session, space_id: int) -> RecallAudit | None:
    """The newest audit of a space."""
    found = select(RecallAudit).where(RecallAudit.space_id == space_id).order_by(RecallAudit.id.desc()).limit(1)
    return session.execute(found).scalar_one_or_none()
