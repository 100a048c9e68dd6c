"""Queries on near-duplicates: hashes, results of comparisons, groups, and pairs that a curator keeps."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from backend.store.arrays import execute_many, fetch_arrays
from backend.store.statements import Statements
from backend.store.titles import with_shown_title

_SQL = Statements(__file__)
_LOCK = 0x6D63_0010


@dataclass(frozen=True, eq=False)
class Comparables:
    """Pictures to compare, in order of preference: ids, hashes (n,), and the row of each one's picture to keep (n,), -1 if it waits to be
    compared."""

    media_ids: list[uuid.UUID]
    hashes: NDArray[np.uint64]
    keeper_of: NDArray[np.int64]


@dataclass(frozen=True)
class NearDuplicateRow:
    """A picture of a group. `similarity` and `hash_distance` (bits of 64) are relative to the picture to keep."""

    keeper_media_id: uuid.UUID
    media_id: uuid.UUID
    title: str
    shown_title: str
    width: int
    height: int
    byte_size: int
    mime: str
    created_at: datetime
    similarity: float
    hash_distance: int


def lock_near_duplicates(session: Session) -> None:
    """Wait for the lock for changes of near-duplicates."""
    session.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def try_lock_near_duplicates(session: Session) -> bool:
    """Take that lock without waiting. Returns False if another process holds it."""
    return bool(session.execute(sa.text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": _LOCK}).scalar_one())


def record_hashes(session: Session, hashes: Mapping[uuid.UUID, int]) -> None:
    """Store perceptual hashes, and queue pictures with details (hash not 0) for comparison."""
    rows = {"ids": list(hashes), "hashes": list(hashes.values())}
    session.execute(sa.text(_SQL("write_hashes")), rows)
    session.execute(sa.text(_SQL("queue_hashed")), rows)


def list_unhashed(session: Session, limit: int) -> list[tuple[uuid.UUID, str]]:
    """Embedded pictures without a hash, oldest first: ids and keys of their originals."""
    rows = session.execute(sa.text(_SQL("list_unhashed")), {"limit": limit})
    return [(row.id, row.original_key) for row in rows]


def count_waiting_comparisons(session: Session) -> int:
    """Number of pictures that could be compared now."""
    return int(session.execute(sa.text(_SQL("count_waiting_comparisons"))).scalar_one())


def read_comparables(session: Session, space_id: int) -> Comparables:
    """All pictures that can be compared. Those compared in another space count as waiting."""
    rows = fetch_arrays(session, _SQL("read_comparables"), {"space_id": space_id})
    media_ids = [row.id for row in rows]
    row_of = {media_id: row for row, media_id in enumerate(media_ids)}
    return Comparables(
        media_ids,
        np.array([row.perceptual_hash for row in rows], dtype=np.int64).view(np.uint64),
        np.array([row_of.get(row.keeper_media_id, -1) for row in rows], dtype=np.int64),
    )


def list_parted_pairs(session: Session) -> set[tuple[uuid.UUID, uuid.UUID]]:
    """Pairs that a curator keeps, in both orders."""
    rows = session.execute(sa.text("SELECT media_a, media_b FROM not_near_duplicate"))
    return {pair for row in rows for pair in ((row.media_a, row.media_b), (row.media_b, row.media_a))}


def record_parted_pairs(session: Session, pairs: Sequence[tuple[uuid.UUID, uuid.UUID]], actor: str) -> None:
    """Record that both pictures of each pair are kept, and queue them for comparison."""
    execute_many(
        session,
        "INSERT INTO not_near_duplicate (media_a, media_b, actor) "
        "VALUES (least(CAST(:one AS uuid), :other), greatest(CAST(:one AS uuid), :other), :actor) ON CONFLICT DO NOTHING",
        [{"one": one, "other": other, "actor": actor} for one, other in pairs],
    )
    forget_comparisons(session, [media_id for pair in pairs for media_id in pair])


def forget_parted_pairs(session: Session, media_ids: Sequence[uuid.UUID]) -> None:
    """Delete all pairs among these pictures, and queue them for comparison."""
    session.execute(
        sa.text("DELETE FROM not_near_duplicate WHERE media_a = ANY(:ids) AND media_b = ANY(:ids)"),
        {"ids": list(media_ids)},
    )
    forget_comparisons(session, media_ids)


def forget_comparisons(session: Session, media_ids: Sequence[uuid.UUID] | None = None) -> None:
    """Queue these pictures, or all, for comparison."""
    which = "" if media_ids is None else "AND media_id = ANY(:ids)"
    session.execute(
        sa.text(f"UPDATE near_duplicate SET keeper_media_id = NULL WHERE keeper_media_id IS NOT NULL {which}"),  # noqa: S608 - of two constants
        {} if media_ids is None else {"ids": list(media_ids)},
    )


def record_keepers(session: Session, space_id: int, decided: Sequence[tuple[uuid.UUID, uuid.UUID, float]]) -> None:
    """Write (picture, picture to keep, similarity). Skips pictures that were deleted meanwhile."""
    session.execute(
        sa.text(_SQL("record_keepers")),
        {
            "space_id": space_id,
            "ids": [media_id for media_id, _, _ in decided],
            "keepers": [keeper for _, keeper, _ in decided],
            "similarities": [similarity for _, _, similarity in decided],
        },
    )


def list_keepers(session: Session, *, before: uuid.UUID | None = None, limit: int) -> list[uuid.UUID]:
    """A page of pictures to keep that have near-duplicates, newest first. `before` is the last one on the previous page."""
    rows = session.execute(sa.text(_SQL("list_keepers")), {"before": before, "limit": limit})
    return list(rows.scalars())


def count_groups(session: Session) -> tuple[int, int]:
    """Number of groups, and of pictures in them that need not be kept."""
    row = session.execute(
        sa.text(
            "SELECT count(DISTINCT keeper_media_id) AS groups, count(*) AS spare FROM near_duplicate "
            "WHERE media_id <> keeper_media_id"
        )
    ).one()
    return row.groups, row.spare


def list_group_members(
    session: Session, keepers: Sequence[uuid.UUID], limit: int
) -> tuple[list[NearDuplicateRow], dict[uuid.UUID, int]]:
    """The pictures to keep, up to `limit` others of each group, nearest first, and the size of each group."""
    rows = session.execute(sa.text(_SQL("list_group_members")), {"keepers": list(keepers), "limit": limit}).all()
    sizes = {row.keeper_media_id: row.size for row in rows}
    shown = ({name: value for name, value in with_shown_title(row).items() if name != "size"} for row in rows)
    return [NearDuplicateRow(**one) for one in shown], sizes


def find_keepers(session: Session, media_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID | None]:
    """The picture to keep of each compared picture, None for a waiting one."""
    rows = session.execute(
        sa.text("SELECT media_id, keeper_media_id FROM near_duplicate WHERE media_id = ANY(:ids)"),
        {"ids": list(media_ids)},
    )
    return {row.media_id: row.keeper_media_id for row in rows}
