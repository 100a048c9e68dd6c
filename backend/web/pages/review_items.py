"""What the review page shows of its items: a page of them in a fixed number of statements."""

from collections.abc import Sequence
from dataclasses import dataclass

from backend.features.review import item_name
from backend.rules.review import ReviewKind
from backend.store.engine import Session
from backend.store.groups import ClusterCard, list_cards_by_id
from backend.store.media import Picture, list_pictures
from backend.store.review import QueuedItem, list_spreads
from backend.web.pages.gauges import Gauge, Mark, make_gauge

_PICTURES_EACH = 10
_DOTS_EACH = 160


@dataclass(frozen=True)
class ReviewCard:
    """An item as the page shows it. other: the runner-up of a media, or the second of a pair."""

    name: str
    item: QueuedItem
    picture: Picture | None
    group: ClusterCard | None
    other: ClusterCard | None
    gauge: Gauge

    @property
    def members(self) -> list[Picture]:
        """Those of its group beside itself."""
        shown = [] if self.group is None else list(self.group.pictures)
        return [one for one in shown if one.media_id != self.item.media_id][: _PICTURES_EACH - 1]

    @property
    def other_members(self) -> list[Picture]:
        return [] if self.other is None else list(self.other.pictures)[: _PICTURES_EACH - 1]


def list_review_cards(session: Session, items: Sequence[QueuedItem]) -> list[ReviewCard]:
    """In the same order; four statements at the most."""
    if not items:
        return []
    pictures = list_pictures(session, [item.media_id for item in items if item.media_id])
    clusters = [item.cluster.id for item in items] + [item.other_cluster.id for item in items if item.other_cluster]
    groups = {card.id: card for card in list_cards_by_id(session, clusters, pictures_each=_PICTURES_EACH)}
    odd = [item.cluster.id for item in items if item.kind == ReviewKind.OUTLIER]
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
    """What the item is about first, then what it is measured against."""
    figures = item.figures
    match ReviewKind(item.kind):
        case ReviewKind.SMALL_MARGIN:
            return _decision_marks(item)
        case ReviewKind.OUTLIER:
            return [
                Mark("own", "This picture", figures["similarity"]),
                Mark("typical", "Half of the group is nearer than", figures["typical_similarity"]),
            ]
        case ReviewKind.CAPTION_DISAGREEMENT:
            return [
                Mark("own", "Caption against picture", figures["similarity"]),
                Mark("typical", "Half of the library fits better than", figures["typical_similarity"]),
            ]
        case ReviewKind.MERGE_CANDIDATE:
            return [
                Mark("own", "Between the two groups", figures["similarity"]),
                Mark("threshold", "A picture joins at", figures["threshold"]),
            ]
        case ReviewKind.SPLIT_CANDIDATE:
            return [
                Mark("own", "Two members, on average", figures["mean_pairwise_similarity"]),
                Mark("threshold", "Groups here have at least", figures["bound"]),
            ]


def _decision_marks(item: QueuedItem) -> list[Mark]:
    """The two that are close first: the picture, and what it just passed or just missed."""
    figures = item.figures
    runner_up = figures.get("runner_up_similarity")
    threshold = Mark("threshold", "Threshold", figures["threshold"])
    nearest = None if runner_up is None else Mark("runner-up", "Runner-up", runner_up)
    if figures["founder"]:
        return [nearest, threshold] if nearest else [threshold, threshold]
    own = Mark("own", "Its group", figures["similarity"])
    if nearest is None:
        return [own, threshold]
    return [own, nearest, threshold] if nearest.value >= threshold.value else [own, threshold, nearest]
