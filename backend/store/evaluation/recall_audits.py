"""Queries of recall audits: what they search for, and their results."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from backend.store.arrays import fetch_arrays
from backend.store.schema import RecallAudit
from backend.store.statements import Statements

_SQL = Statements(__file__)

_KEPT = 100


def estimate_media(session: Session) -> float:
    """Number of pictures, as estimated by the planner."""
    query = text("SELECT greatest(reltuples, 0) FROM pg_class WHERE oid = 'media'::regclass")
    return float(session.execute(query).scalar_one())


def sample_vectors(session: Session, count: int) -> list[tuple[NDArray[np.float32], NDArray[np.float32] | None]]:
    """Image (d_image,) and text (d_text,) vectors of random pictures in the active space."""
    rows = fetch_arrays(session, _SQL("sample_vectors"), {"count": count})
    return [(row.image, row.words) for row in rows]


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
    """Store an audit, and delete all but the last hundred. `fused` and `fused_index` are recall by alpha, `legs` by leg."""
    by_alpha = ({f"{alpha:g}": recall for alpha, recall in part.items()} for part in (fused, fused_index))
    parts = dict(zip(("fused", "fused_index"), by_alpha, strict=True))
    session.add(RecallAudit(space_id=space_id, k=k, sampled=sampled, legs=dict(legs), **parts))
    session.flush()
    kept = select(RecallAudit.id).order_by(RecallAudit.id.desc()).limit(_KEPT)
    session.execute(delete(RecallAudit).where(RecallAudit.id.not_in(kept)))


def find_last_recall_audit(session: Session, space_id: int) -> RecallAudit | None:
    """The latest audit of a space."""
    found = select(RecallAudit).where(RecallAudit.space_id == space_id).order_by(RecallAudit.id.desc()).limit(1)
    return session.execute(found).scalar_one_or_none()
