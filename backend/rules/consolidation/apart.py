"""Cannot-link constraints between groups, encoded as small integers so that millions of pairs can be tested at once."""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

_ANCHOR = -1


class Apartness:
    """Maps groups to integer codes and answers which codes must not be merged.

    A code stands for the cannot-linked clusters that a group has members of, and for whether the group has an anchor.
    Two groups must stay apart if a cannot-link connects one's clusters with the other's, or if both have an anchor.
    Code 0 means no constraint.
    """

    def __init__(self, links: Iterable[tuple[int, int]] = ()) -> None:
        foes: dict[int, set[int]] = {_ANCHOR: {_ANCHOR}}
        for one, other in links:
            foes.setdefault(one, set()).add(other)
            foes.setdefault(other, set()).add(one)
        self._foes: Mapping[int, set[int]] = foes
        self._tokens: list[frozenset[int]] = []
        self._code_of: dict[frozenset[int], int] = {}
        self._conflicts = np.zeros((1, 1), dtype=np.bool_)
        self._intern(frozenset())

    def code(self, cluster: int, *, anchored: bool = False) -> int:
        """The code of a group with members of this cluster, and with its anchor if `anchored`."""
        tokens = {cluster} if cluster in self._foes else set()
        return self._intern(frozenset(tokens | ({_ANCHOR} if anchored else set())))

    def union(self, one: int, other: int) -> int:
        """The code of the group that results from merging two groups."""
        if other in {0, one}:
            return one
        return other if one == 0 else self._intern(self._tokens[one] | self._tokens[other])

    def conflict(self, ones: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether groups with these codes must stay apart, for each pair (arrays broadcast)."""
        found: NDArray[np.bool_] = self._conflicts[ones, others]
        return found

    def _intern(self, tokens: frozenset[int]) -> int:
        known = self._code_of.get(tokens)
        if known is not None:
            return known
        code = len(self._tokens)
        self._tokens.append(tokens)
        self._code_of[tokens] = code
        if code >= len(self._conflicts):
            grown = np.zeros((2 * code + 1, 2 * code + 1), dtype=np.bool_)
            grown[:code, :code] = self._conflicts[:code, :code]
            self._conflicts = grown
        foes = frozenset().union(*(self._foes.get(token, ()) for token in tokens))
        for other, held in enumerate(self._tokens):
            self._conflicts[code, other] = self._conflicts[other, code] = not foes.isdisjoint(held)
        return code
