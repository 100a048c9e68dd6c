"""Why an item is in the queue, in a sentence with its figures."""

from backend.rules.review import ReviewKind
from backend.store.review import QueuedItem


def explain(item: QueuedItem) -> str:
    figures = item.figures
    match ReviewKind(item.kind):
        case ReviewKind.SMALL_MARGIN:
            return _small_margin(item)
        case ReviewKind.OUTLIER:
            return (
                f"Its cosine to the centroid is {figures['similarity']:.3f}; half of the group has "
                f"{figures['typical_similarity']:.3f} or more. That is {-figures['robust_z']:.1f} robust "
                "standard deviations lower."
            )
        case ReviewKind.CAPTION_DISAGREEMENT:
            return (
                f"Its caption fits its picture at {figures['similarity']:.3f}, no better than {figures['percentile']:.0%} of the "
                f"captions of other pictures would; half of the library has {figures['typical_similarity']:.3f} or more."
            )
        case ReviewKind.MERGE_CANDIDATE:
            return (
                f"The cosine of the two centroids is {figures['similarity']:.3f}; a picture joins a group at "
                f"{figures['threshold']:.2f}."
            )
        case ReviewKind.SPLIT_CANDIDATE:
            return (
                f"Two of its members have a mean cosine of {figures['mean_pairwise_similarity']:.3f}, below "
                f"{figures['bound']:.3f}; to the centroid it is {figures['mean_similarity']:.3f}."
            )


def _small_margin(item: QueuedItem) -> str:
    figures = item.figures
    margin = f"{figures['margin']:.4f}"
    runner_up = figures.get("runner_up_similarity")
    if figures["founder"]:
        return f"It started the group: it was {margin} short of joining the nearest one ({runner_up or 0:.3f})."
    if runner_up is not None and runner_up >= figures["threshold"]:
        return f"It joined at {figures['similarity']:.3f}; the next group was at {runner_up:.3f}, {margin} behind."
    return (
        f"It joined at {figures['similarity']:.3f}, only {margin} above the threshold of "
        f"{figures['threshold']:.2f}; below that it would have started a group."
    )
