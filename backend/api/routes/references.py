"""How a media refers to its cluster."""

import uuid

from sqlalchemy.orm import Session

from backend.api.schemas import ClusterReference
from backend.db.clusters import find_membership
from backend.db.tables import Cluster


def find_reference(session: Session, media_id: uuid.UUID) -> ClusterReference | None:
    """The cluster of a media, if it has come that far."""
    membership = find_membership(session, media_id)
    if membership is None:
        return None
    cluster = session.get_one(Cluster, membership.cluster_id)
    return ClusterReference.of(membership, cluster.label)
