"""Queries for groups to move pictures to, or to merge with."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend.store.groups.walls import ClusterCard, WallFilter, WallSort, list_cards, list_cards_by_id
from backend.store.statements import Statements

_SQL = Statements(__file__)
_SHOWN = 24


@dataclass(frozen=True)
class Targets:
    """Groups to choose from. `near` has the cosine of each centroid to that of the given group."""

    cards: list[ClusterCard]
    near: dict[int, float]


def list_targets(session: Session, cluster_id: int, words: str) -> Targets:
    """Groups whose label contains the words, largest first. Without words, the nearest groups."""
    if words:
        cards = list_cards(session, WallSort.LARGEST, WallFilter(words=words), limit=_SHOWN + 1)
        return Targets([card for card in cards if card.id != cluster_id][:_SHOWN], {})
    rows = session.execute(sa.text(_SQL("list_nearest")), {"cluster_id": cluster_id, "limit": _SHOWN})
    near = {row.cluster_id: float(row.similarity) for row in rows}
    return Targets(list_cards_by_id(session, list(near)), near)
