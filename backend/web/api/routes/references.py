"""How a media refers to its cluster."""

import uuid
from collections.abc import Sequence

from backend.store.engine import Session
from backend.store.groups import list_memberships
from backend.web.api.schemas.schemas import ClusterReference


def list_references(session: Session, media_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, ClusterReference]:
    """The clusters of those media that have come that far."""
    return {
        membership.media_id: ClusterReference.of(membership, label)
        for membership, label in list_memberships(session, media_ids)
    }


def find_reference(session: Session, media_id: uuid.UUID) -> ClusterReference | None:
    """The cluster of a media, if it has come that far."""
    return list_references(session, [media_id]).get(media_id)
