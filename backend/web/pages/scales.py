"""Positions of the similarities behind a decision on a small scale."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from backend.store.schema import Membership


@dataclass(frozen=True)
class Scale:
    """Positions from 0 to 100 on a scale from `low` to 1.

    Attributes:
        low: similarity at the left end.
        similarity: position of the similarity to the group.
        threshold: position of the threshold.
        runner_up: position of the similarity to the runner-up, None if there was none.
        margin: start and length of the part between the deciding bound and the similarity, None without a margin.
    """

    low: float
    similarity: float
    threshold: float
    runner_up: float | None
    margin: tuple[float, float] | None


def make_scale(membership: Membership) -> Scale:
    """Make the scale of the decision that put a picture in its group. For a founder, it shows the runner-up that it did not join."""
    known = [membership.similarity, membership.threshold]
    if membership.runner_up_similarity is not None:
        known.append(membership.runner_up_similarity)
    low = max(-1.0, math.floor((min(known) - 0.02) * 10) / 10)

    def place(value: float) -> float:
        return round(min(max((value - low) / (1 - low), 0.0), 1.0) * 100, 2)

    return Scale(
        low,
        place(membership.similarity),
        place(membership.threshold),
        None if membership.runner_up_similarity is None else place(membership.runner_up_similarity),
        _margin(membership, place(membership.threshold), place),
    )


def _margin(membership: Membership, threshold: float, place: Callable[[float], float]) -> tuple[float, float] | None:
    if membership.margin is None:
        return None
    runner_up = membership.runner_up_similarity
    if membership.founder:
        begin = 0.0 if runner_up is None else place(runner_up)
        end = threshold
    else:
        begin = threshold if runner_up is None else max(threshold, place(runner_up))
        end = place(membership.similarity)
    return begin, max(round(end - begin, 2), 0.0)
