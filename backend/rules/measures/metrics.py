"""Agreement of two partitions whose parts are named by arbitrary hashable values."""

from collections.abc import Hashable, Sequence

from backend.rules.measures.partitions import Contingency


def adjusted_rand_index(labels: Sequence[Hashable], clusters: Sequence[Hashable]) -> float:
    """Agreement of two partitions of the same items, corrected for chance: 1.0 is identical, 0.0 is chance level.

    Source: Hubert and Arabie, Comparing partitions, Journal of Classification 2 (1985).

    Raises:
        ValueError: the sequences differ in length.
    """
    if len(labels) != len(clusters):
        raise ValueError(f"{len(labels)} labels for {len(clusters)} group entries")
    if not labels:
        return 1.0
    return Contingency.of(codes_of(labels), codes_of(clusters)).agree().adjusted_rand_index


def codes_of(names: Sequence[Hashable]) -> list[int]:
    """Number the names from 0 in order of first appearance. Equal names get equal numbers."""
    known: dict[Hashable, int] = {}
    return [known.setdefault(name, len(known)) for name in names]
