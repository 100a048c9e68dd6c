"""Definitions of the review queues: their names, texts, drawings and bounds. `features.review.queue` finds their items.

To add a queue, add a member to `ReviewKind`, its value to `QUEUES`, and a finder.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from backend.rules.grouping import CLOSE_CALL, explain_decision

Figures = Mapping[str, float]


class ReviewKind(StrEnum):
    """The kind of a review item. It concerns a picture's membership or caption, a pair of clusters, or one cluster."""

    SMALL_MARGIN = "small_margin"
    OUTLIER = "outlier"
    CAPTION_DISAGREEMENT = "caption_disagreement"
    MERGE_CANDIDATE = "merge_candidate"
    SPLIT_CANDIDATE = "split_candidate"


class ReviewVerdict(StrEnum):
    """A curator's decision on a review item.

    ACCEPT: the picture is where it belongs, or the clusters should be merged or split. CORRECT: the picture belongs to
    another cluster. DISMISS: leave it as it is, and do not ask again.
    """

    ACCEPT = "accept"
    CORRECT = "correct"
    DISMISS = "dismiss"


class Acceptance(StrEnum):
    """The operation that accepting an item performs."""

    CONFIRM = "confirm"
    MERGE = "merge"
    SPLIT = "split"


@dataclass(frozen=True)
class Line:
    """A similarity in the drawing of an item.

    Attributes:
        kind: how the line is drawn.
        label: text beside it.
        value: the similarity.
    """

    kind: Literal["own", "threshold", "typical", "runner-up"]
    label: str
    value: float


@dataclass(frozen=True)
class Queue:
    """One review queue.

    Attributes:
        tab: its name.
        about: what it contains.
        accept: label of the button that accepts.
        dismiss: label of the button that dismisses.
        acceptance: the operation that accepting performs.
        material_change: how much the urgency of a dismissed item must rise for it to return, in the unit of the queue
            (similarity, robust standard deviations or normal scores).
        explain: returns a sentence that says, with figures, why an item is in the queue.
        draw: returns the lines of an item: first the similarities it is about, then what they are compared with.
        concerns_caption: whether it is about the captions of its pictures. An item then stays if a curator has placed the
            picture, and goes when the text is written again.
        is_settled_by_acceptance: whether accepting removes the reason. If not, it is remembered like a dismissal.
        shows_members: whether the members of the group are drawn behind the lines.
    """

    tab: str
    about: str
    accept: str
    dismiss: str
    acceptance: Acceptance
    material_change: float
    explain: Callable[[Figures], str]
    draw: Callable[[Figures], list[Line]]
    concerns_caption: bool = False
    is_settled_by_acceptance: bool = True
    shows_members: bool = False

    @property
    def can_correct(self) -> bool:
        """Whether its items are pictures, which a curator can move to another group."""
        return self.acceptance is Acceptance.CONFIRM


@dataclass(frozen=True)
class Bounds:
    """Bounds from which something becomes a review item.

    Attributes:
        margin: greatest margin of a decision that counts as a close call.
        outlier_z: robust standard deviations below the cluster's median (3.5: Iglewicz and Hoaglin, 1993).
        least_deviation: lower bound of a cluster's deviation, so that a very tight cluster has no spurious outliers.
        least_members: smallest cluster that can have outliers or be incoherent.
        caption_normal_score: normal score of a caption's similarity to its own picture, among unrelated captions and
            pictures; 0 is the median. Below this bound the caption disagrees with the picture.
        merge_reach: how far below the threshold the cosine of two centroids may be for a merge candidate.
    """

    margin: float = CLOSE_CALL
    outlier_z: float = 3.5
    least_deviation: float = 0.01
    least_members: int = 5
    caption_normal_score: float = 1.5
    merge_reach: float = 0.02


BOUNDS: Final = Bounds()

MOST_ITEMS: Final = 5000
"""Number of items kept of each kind, the most urgent ones."""


def _explain_small_margin(figures: Figures) -> str:
    return explain_decision(
        similarity=figures["similarity"],
        threshold=figures["threshold"],
        runner_up=figures.get("runner_up_similarity"),
        margin=figures["margin"],
        founder=bool(figures["founder"]),
    )


def _draw_small_margin(figures: Figures) -> list[Line]:
    """The two close similarities first: the picture's, and the one that it just exceeded or just missed."""
    runner_up = figures.get("runner_up_similarity")
    threshold = Line("threshold", "Threshold", figures["threshold"])
    nearest = None if runner_up is None else Line("runner-up", "Runner-up", runner_up)
    if figures["founder"]:
        return [nearest, threshold] if nearest else [threshold, threshold]
    own = Line("own", "Its group", figures["similarity"])
    if nearest is None:
        return [own, threshold]
    return [own, nearest, threshold] if nearest.value >= threshold.value else [own, threshold, nearest]


QUEUES: Final[Mapping[ReviewKind, Queue]] = {
    ReviewKind.SMALL_MARGIN: Queue(
        tab="Close calls",
        about="Pictures that only just joined, or just missed, a group.",
        accept="Keep it here",
        dismiss="Leave it",
        acceptance=Acceptance.CONFIRM,
        material_change=0.01,
        explain=_explain_small_margin,
        draw=_draw_small_margin,
    ),
    ReviewKind.OUTLIER: Queue(
        tab="Outliers",
        about="Far from the others in their group.",
        accept="Keep it here",
        dismiss="Leave it",
        acceptance=Acceptance.CONFIRM,
        material_change=1.0,
        explain=lambda figures: (
            f"Its cosine to the centroid is {figures['similarity']:.3f}; half of the group has "
            f"{figures['typical_similarity']:.3f} or more. That is {-figures['robust_z']:.1f} robust "
            "standard deviations lower."
        ),
        draw=lambda figures: [
            Line("own", "This picture", figures["similarity"]),
            Line("typical", "Half of the group is nearer than", figures["typical_similarity"]),
        ],
        shows_members=True,
    ),
    ReviewKind.CAPTION_DISAGREEMENT: Queue(
        tab="Captions",
        about="The caption does not match the picture.",
        accept="Caption fits",
        dismiss="Leave it",
        acceptance=Acceptance.CONFIRM,
        material_change=0.5,
        explain=lambda figures: (
            f"Its caption fits its picture at {figures['similarity']:.3f}, no better than {figures['percentile']:.0%} of the "
            f"captions of other pictures would; half of the library has {figures['typical_similarity']:.3f} or more."
        ),
        draw=lambda figures: [
            Line("own", "Caption against picture", figures["similarity"]),
            Line("typical", "Half of the library fits better than", figures["typical_similarity"]),
        ],
        concerns_caption=True,
        # Accepting confirms the membership but does not change the caption.
        is_settled_by_acceptance=False,
    ),
    ReviewKind.MERGE_CANDIDATE: Queue(
        tab="Merge",
        about="Two groups that look like one.",
        accept="Merge",
        dismiss="Keep apart",
        acceptance=Acceptance.MERGE,
        material_change=0.02,
        explain=lambda figures: (
            f"The cosine of the two centroids is {figures['similarity']:.3f}; a picture joins a group at "
            f"{figures['threshold']:.2f}."
        ),
        draw=lambda figures: [
            Line("own", "Between the two groups", figures["similarity"]),
            Line("threshold", "A picture joins at", figures["threshold"]),
        ],
    ),
    ReviewKind.SPLIT_CANDIDATE: Queue(
        tab="Split",
        about="Groups that look like two.",
        accept="Split",
        dismiss="Keep together",
        acceptance=Acceptance.SPLIT,
        material_change=0.02,
        explain=lambda figures: (
            f"Two of its members have a mean cosine of {figures['mean_pairwise_similarity']:.3f}, below "
            f"{figures['bound']:.3f}; to the centroid it is {figures['mean_similarity']:.3f}."
        ),
        draw=lambda figures: [
            Line("own", "Two members, on average", figures["mean_pairwise_similarity"]),
            Line("threshold", "Groups here have at least", figures["bound"]),
        ],
    ),
}
"""In the order of their tabs."""
