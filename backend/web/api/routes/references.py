"""The group of a picture, as responses refer to it."""

import uuid
from collections.abc import Sequence

from backend.store.engine import Session
from backend.store.groups import list_memberships
from backend.web.api.schemas.schemas import ClusterReference


def list_references(session: Session, media_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, ClusterReference]:
    """The groups of these pictures, without pictures that have not been grouped yet."""
    return {
        membership.media_id: ClusterReference.of(membership, label)
        for membership, label in list_memberships(session, media_ids)
    }


def find_reference(session: Session, media_id: uuid.UUID) -> ClusterReference | None:
    """The group of a picture, None if it has not been grouped yet."""
    return list_references(session, [media_id]).get(media_id)
