"""View models of review items. A page of items takes a fixed number of statements."""

from collections.abc import Sequence
from dataclasses import dataclass

from backend.features.review import item_name
from backend.rules.review import QUEUES, ReviewKind
from backend.store.engine import Session
from backend.store.groups import ClusterCard, list_cards_by_id
from backend.store.media import Picture, list_pictures
from backend.store.review import QueuedItem, list_spreads
from backend.web.pages.gauges import Gauge, Mark, make_gauge

_PICTURES_EACH = 10
_DOTS_EACH = 160


@dataclass(frozen=True)
class ReviewCard:
    """A review item with its pictures and groups.

    Attributes:
        name: id of the item.
        item: the item.
        picture: its picture, None if it is about groups.
        group: its group, or the first of a pair.
        other: the runner-up group of a picture, or the second of a pair.
        gauge: the similarities behind it.
    """

    name: str
    item: QueuedItem
    picture: Picture | None
    group: ClusterCard | None
    other: ClusterCard | None
    gauge: Gauge

    @property
    def members(self) -> list[Picture]:
        """Other members of the item's group."""
        shown = [] if self.group is None else list(self.group.pictures)
        return [one for one in shown if one.media_id != self.item.media_id][: _PICTURES_EACH - 1]

    @property
    def other_members(self) -> list[Picture]:
        return [] if self.other is None else list(self.other.pictures)[: _PICTURES_EACH - 1]


def list_review_cards(session: Session, items: Sequence[QueuedItem]) -> list[ReviewCard]:
    """Make the cards of these items, in the same order, in at most four statements."""
    if not items:
        return []
    pictures = list_pictures(session, [item.media_id for item in items if item.media_id])
    clusters = [item.cluster.id for item in items] + [item.other_cluster.id for item in items if item.other_cluster]
    groups = {card.id: card for card in list_cards_by_id(session, clusters, pictures_each=_PICTURES_EACH)}
    odd = [item.cluster.id for item in items if QUEUES[ReviewKind(item.kind)].shows_members]
    spreads = list_spreads(session, odd, _DOTS_EACH) if odd else {}
    return [
        ReviewCard(
            item_name(item.kind, item.subject),
            item,
            pictures.get(item.media_id) if item.media_id else None,
            groups.get(item.cluster.id),
            groups.get(item.other_cluster.id) if item.other_cluster else None,
            make_gauge(_marks(item), spreads.get(item.cluster.id, ())),
        )
        for item in items
    ]


def _marks(item: QueuedItem) -> list[Mark]:
    return [Mark(line.kind, line.label, line.value) for line in QUEUES[ReviewKind(item.kind)].draw(item.figures)]
