"""Measures of quality, as pure functions."""

from collections.abc import Hashable, Sequence

import numpy as np


def adjusted_rand_index(labels: Sequence[Hashable], clusters: Sequence[Hashable]) -> float:
    """Agreement of two partitions of the same items, corrected for chance: 1.0 is equal, 0.0 is as by chance.

    Source: Hubert and Arabie, Comparing partitions, Journal of Classification 2 (1985).

    Raises:
        ValueError: the sequences differ in length.
    """
    if len(labels) != len(clusters):
        raise ValueError(f"{len(labels)} labels for {len(clusters)} cluster entries")
    table = _contingency(labels, clusters)
    together = _pairs(table).sum()
    in_labels, in_clusters = _pairs(table.sum(axis=1)).sum(), _pairs(table.sum(axis=0)).sum()
    all_pairs = _pairs(np.array([len(labels)])).sum()
    expected = in_labels * in_clusters / all_pairs if all_pairs else 0.0
    most = (in_labels + in_clusters) / 2
    # Both all in one, or both all apart: nothing to be corrected, and they are equal.
    return 1.0 if most == expected else float((together - expected) / (most - expected))


def _contingency(labels: Sequence[Hashable], clusters: Sequence[Hashable]) -> np.ndarray:
    rows = {label: row for row, label in enumerate(dict.fromkeys(labels))}
    columns = {cluster: column for column, cluster in enumerate(dict.fromkeys(clusters))}
    table = np.zeros((len(rows), len(columns)), dtype=np.int64)
    for label, cluster in zip(labels, clusters, strict=True):
        table[rows[label], columns[cluster]] += 1
    return table


def _pairs(counts: np.ndarray) -> np.ndarray:
    counted: np.ndarray = counts * (counts - 1) / 2
    return counted
