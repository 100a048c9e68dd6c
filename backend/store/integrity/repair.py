"""Queries of `mediacluster repair`."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend.errors import NotInSpace, OriginalMissing
from backend.store.arrays import is_among
from backend.store.integrity.invariants import list_breaches
from backend.store.schema import EMBEDDED_STATUSES, Centroid, Media, MediaStatus

_ALL = 1_000_000_000
_GIVEN_UP = (OriginalMissing.code, NotInSpace.code)


@dataclass(frozen=True)
class HeldFile:
    """A row with an original, whether it must have thumbnails, and whether its original is known to be lost."""

    media_id: uuid.UUID
    sha256: bytes
    original_key: str
    has_thumbnails: bool
    given_up: bool


def list_held_files(session: Session, first_byte: int) -> list[HeldFile]:
    """Rows whose checksum starts with this byte."""
    query = sa.select(Media.id, Media.sha256, Media.original_key, Media.status, Media.error_code).where(
        Media.original_key.is_not(None), Media.sha256 >= bytes([first_byte])
    )
    if first_byte < 0xFF:
        query = query.where(Media.sha256 < bytes([first_byte + 1]))
    return [
        HeldFile(
            row.id,
            row.sha256,
            row.original_key,
            has_thumbnails=row.status in EMBEDDED_STATUSES,
            given_up=is_given_up(row.status, row.error_code),
        )
        for row in session.execute(query)
    ]


def is_given_up(status: str, error_code: str | None) -> bool:
    """Whether the original may be missing: the picture failed for that reason, or was set aside by a change of model."""
    return status == MediaStatus.FAILED and error_code in _GIVEN_UP


def list_off_clusters(session: Session) -> list[int]:
    """Clusters of the active space whose centroid, sum or count differs from that of their members."""
    off = {
        int(row["cluster_id"])
        for invariant in ("centroid_off_the_mean", "wrong_member_count")
        for row in list_breaches(session, invariant, _ALL)
    }
    return sorted(off)


def list_empty_clusters(session: Session) -> list[int]:
    """Clusters without members."""
    return [int(row["cluster_id"]) for row in list_breaches(session, "empty_cluster", _ALL)]


def delete_memberless_centroids(session: Session, space_id: int, cluster_ids: Sequence[int]) -> None:
    """Delete the centroids of these clusters if they have no members in the space."""
    session.execute(
        sa.delete(Centroid).where(
            Centroid.space_id == space_id,
            is_among(Centroid.cluster_id, cluster_ids),
            sa.text("NOT EXISTS (SELECT FROM membership WHERE membership.cluster_id = centroid.cluster_id)"),
        )
    )
