"""Why a picture is in its group, in words: the sentence of the pages, of the API and of the command line."""

from typing import Final

CLOSE_CALL: Final = 0.02
"""Greatest margin of a decision that counts as a close call."""


def explain_membership(
    *,
    similarity: float,
    threshold: float,
    runner_up: float | None,
    margin: float | None,
    founder: bool,
    by_curator: bool,
    measured_later: bool,
) -> str:
    """Say why a picture is in its group, and how clear that is.

    Args:
        similarity: cosine to the group's centroid.
        threshold: lowest cosine for joining.
        runner_up: cosine to the nearest other centroid, None if there was none.
        margin: how far a similarity would have to move for another outcome; below 0 the figures speak for another one.
            None if there was no alternative, or if no picture was decided, but a whole group.
        founder: whether the picture started the group.
        by_curator: whether a curator decided, whatever the figures say.
        measured_later: whether the decision was made with another model, and the figures were measured after it.
    """
    if by_curator:
        return f"A curator decided that it belongs here. Its similarity to the group is {similarity:.3f}."
    if margin is None:
        if founder:
            return "It started the group. There was no other group that it could join."
        return f"It came along when its former group was merged into this one. Its similarity is {similarity:.3f}."
    figures = explain_decision(
        similarity=similarity, threshold=threshold, runner_up=runner_up, margin=margin, founder=founder
    )
    later = " Another model decided; these figures were measured later." if measured_later else ""
    return f"{_verdict(margin, founder=founder)}{figures}{later}"


def explain_decision(
    *, similarity: float, threshold: float, runner_up: float | None, margin: float, founder: bool
) -> str:
    """The figures of a decision by the rule, and what it depended on. The arguments are those of `explain_membership`."""
    least = f"the threshold of {round(threshold, 4):g}"
    rival = runner_up if runner_up is not None and runner_up >= threshold else None
    if founder:
        nearest = "" if runner_up is None else f" ({runner_up:.3f})"
        if margin < 0:
            return f"It started the group, although the nearest other one{nearest} is not below {least}."
        return f"It started the group: it was {_gap(margin)} short of joining the nearest one{nearest}."
    if margin < 0:
        doubt = f"that is below {least}" if rival is None else f"the next group is nearer, at {rival:.3f}"
        return f"Its similarity is {similarity:.3f}, although {doubt}."
    if rival is not None:
        return f"It joined at {similarity:.3f}; the next group was at {rival:.3f}, {_gap(margin)} behind."
    if margin <= CLOSE_CALL:
        return f"It joined at {similarity:.3f}, only {_gap(margin)} above {least}; below that it would have started a group."
    following = "there was no other group" if runner_up is None else f"the next group was at {runner_up:.3f}"
    return f"It joined at {similarity:.3f}, {_gap(margin)} above {least}; {following}."


def _gap(margin: float) -> str:
    return f"{margin:.4f}" if margin <= CLOSE_CALL else f"{margin:.3f}"


def _verdict(margin: float, *, founder: bool) -> str:
    if margin < 0:
        return "Doubtful. "
    if margin <= CLOSE_CALL:
        return "A close call. "
    return "" if founder else "Clearly here. "
