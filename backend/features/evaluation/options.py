"""Options of an evaluation, with validation."""

from dataclasses import dataclass

from backend.errors import InputError
from backend.rules.measures import Bootstrap

ALPHAS = tuple(step / 20 for step in range(21))
THRESHOLDS = tuple(round(0.5 + step / 50, 2) for step in range(25))
_MOST_K = 100


@dataclass(frozen=True)
class Options:
    """Options of an evaluation.

    Attributes:
        ks: numbers of hits to measure at, ascending.
        most_queries: largest number of queries per task, sampled if there are more.
        resamples: number of bootstrap resamples.
        seed: seed of all sampling.
        level: level of intervals.
        alphas: alphas to try.
        thresholds: thresholds to try.
        most_media: largest number of pictures to sweep thresholds over, sampled if there are more.
        most_offline: largest number of pictures for comparisons of all pairs, sampled if there are more.
    """

    ks: tuple[int, ...] = (1, 5, 10)
    most_queries: int = 2_000
    resamples: int = 1_000
    seed: int = 0
    level: float = 0.95
    alphas: tuple[float, ...] = ALPHAS
    thresholds: tuple[float, ...] = THRESHOLDS
    most_media: int = 20_000
    most_offline: int = 5_000

    def checked(self) -> "Options":
        """These options. Raises InputError if one is invalid."""
        if not self.ks or min(self.ks) < 1 or max(self.ks) > _MOST_K:
            asked = ", ".join(map(str, self.ks)) or "none"
            raise InputError(f"The number of hits to count is {asked}.", hint=f"Give numbers from 1 to {_MOST_K}.")
        if self.most_queries < 2 or self.resamples < 20:
            raise InputError("Too few for a confidence interval.", hint="Give at least 2 queries and 20 resamples.")
        if self.seed < 0:
            raise InputError(f"The seed is {self.seed}.", hint="Give 0 or more.")
        return self

    @property
    def depth(self) -> int:
        return max(self.ks)

    @property
    def headline(self) -> str:
        """The measure that settings are chosen by."""
        return f"ndcg@{self.depth}"

    @property
    def bootstrap(self) -> Bootstrap:
        return Bootstrap(self.seed, self.resamples, self.level)
