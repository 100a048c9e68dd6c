"""A proposal to split a group, with pictures of both halves."""

from dataclasses import dataclass
from uuid import UUID

from backend.features.editing import SplitProposal, propose_split
from backend.features.services import Services
from backend.store.media import Picture, list_pictures

_PREVIEWED = 24


@dataclass(frozen=True)
class Half:
    """One side of a proposal to split. media_ids: all; pictures: the first of them."""

    media_ids: list[UUID]
    pictures: list[Picture]
    cohesion: float


@dataclass(frozen=True)
class Halves:
    """The proposal, and its two sides, the larger first."""

    proposal: SplitProposal
    sides: tuple[Half, Half]


def read_halves(services: Services, cluster_id: int) -> Halves:
    """Raises NotFound, and Conflict where there is nothing to part."""
    proposal = propose_split(services, cluster_id)
    with services.database.transaction() as session:
        pictures = list_pictures(session, proposal.left[:_PREVIEWED] + proposal.right[:_PREVIEWED])

    def half(media_ids: list[UUID], cohesion: float) -> Half:
        return Half(media_ids, [pictures[one] for one in media_ids[:_PREVIEWED] if one in pictures], cohesion)

    return Halves(
        proposal, (half(proposal.left, proposal.left_cohesion), half(proposal.right, proposal.right_cohesion))
    )
