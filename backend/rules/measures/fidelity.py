"""Fidelity of a faster runtime: how near its vectors are to those of full precision, and whether that suffices."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from backend.rules.grouping import group_in_order

# At a threshold of 0.82 a cosine of 0.9975 to the exact vector already allows a similarity to move by 0.04.
LEAST_COSINE: Final = 0.995
MOST_CHANGED: Final = 0.005
LEAST_SAMPLE: Final = 100
"""With fewer inputs, the first percentile is simply the worst of them."""

_PERCENTILE: Final = 1.0


@dataclass(frozen=True)
class Fidelity:
    """Comparison of the vectors that two runtimes compute for the same inputs.

    Attributes:
        sampled: number of inputs.
        cosine: first percentile of the cosines between an input's two vectors.
        changed: share of the inputs that join a different group; None if groups do not depend on these vectors.
    """

    sampled: int
    cosine: float
    changed: float | None

    @property
    def passed(self) -> bool:
        """Whether the faster runtime may replace the exact one."""
        near = self.cosine >= LEAST_COSINE and (self.changed is None or self.changed <= MOST_CHANGED)
        return near and self.sampled >= LEAST_SAMPLE

    def __str__(self) -> str:
        """The measured figures and their limits."""
        figures = f"1st percentile of the cosine {self.cosine:.4f} (at least {LEAST_COSINE})"
        if self.changed is not None:
            figures += f", changed assignments {self.changed:.1%} (at most {MOST_CHANGED:.1%})"
        return f"{figures}, on {self.sampled} pictures (at least {LEAST_SAMPLE})"


def compare(exact: NDArray[np.float32], fast: NDArray[np.float32], *, threshold: float | None = None) -> Fidelity:
    """Compare unit rows (n, d), n > 0, of the same inputs in upload order.

    Args:
        exact: vectors of full precision.
        fast: vectors of the faster runtime.
        threshold: lowest cosine for joining a group; None if groups do not depend on these vectors.
    """
    cosines = np.einsum("ij,ij->i", exact.astype(np.float64), fast.astype(np.float64))
    changed = None if threshold is None else changed_assignments(exact, fast, threshold)
    return Fidelity(len(exact), float(np.percentile(cosines, _PERCENTILE, method="lower")), changed)


def changed_assignments(exact: NDArray[np.float32], fast: NDArray[np.float32], threshold: float) -> float:
    """The share of rows that join a different group when the rule runs on `fast` instead of `exact`.

    The groups of the two runs are matched one to one so that most members agree (Kuhn 1955, The Hungarian Method for the
    Assignment Problem). Rows outside their matching group count as changed.
    """
    left, right = group_in_order(exact, threshold), group_in_order(fast, threshold)
    shared = np.zeros((left.max() + 1, right.max() + 1), dtype=np.int64)
    np.add.at(shared, (left, right), 1)
    pairs = linear_sum_assignment(shared, maximize=True)
    return 1.0 - float(shared[pairs].sum()) / len(left)
