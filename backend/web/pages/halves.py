"""A proposed split of a group, with pictures of both halves."""

from dataclasses import dataclass
from uuid import UUID

from backend.features.editing import SplitProposal, propose_split
from backend.features.services import Services
from backend.store.media import Picture, list_pictures

_PREVIEWED = 24


@dataclass(frozen=True)
class Half:
    """One half of a proposed split.

    Attributes:
        media_ids: all its pictures.
        pictures: the first of them, for the preview.
        cohesion: mean cosine of its pictures to their centroid.
    """

    media_ids: list[UUID]
    pictures: list[Picture]
    cohesion: float


@dataclass(frozen=True)
class Halves:
    """A proposed split and its halves."""

    proposal: SplitProposal
    sides: tuple[Half, Half]


def read_halves(services: Services, cluster_id: int) -> Halves:
    """Propose a split. Raises NotFound, and Conflict if the group cannot be split."""
    proposal = propose_split(services, cluster_id)
    with services.database.transaction() as session:
        pictures = list_pictures(session, proposal.left[:_PREVIEWED] + proposal.right[:_PREVIEWED])

    def half(media_ids: list[UUID], cohesion: float) -> Half:
        return Half(media_ids, [pictures[one] for one in media_ids[:_PREVIEWED] if one in pictures], cohesion)

    return Halves(
        proposal, (half(proposal.left, proposal.left_cohesion), half(proposal.right, proposal.right_cohesion))
    )
