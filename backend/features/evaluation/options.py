"""What an evaluation may be told, and whether it makes sense."""

from dataclasses import dataclass

from backend.errors import InputError
from backend.rules.measures import Bootstrap

ALPHAS = tuple(step / 20 for step in range(21))
THRESHOLDS = tuple(round(0.5 + step / 50, 2) for step in range(25))
_MOST_K = 100


@dataclass(frozen=True)
class Options:
    """ks: how many hits are looked at, ascending; most_queries: of each task, drawn by the seed where there are more; resamples,
    seed, level: of the bootstrap; most_media: for the sweep of thresholds, most_offline: for what compares all pairs; both
    drawn by the seed where there are more."""

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
        """These options. Raises InputError where one makes no sense."""
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
