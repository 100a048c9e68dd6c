"""Measures of ranked retrieval, as pure functions of the gain of each hit.

Throughout, `gains` (q, n) holds the gains of the hits of q queries in order of rank: 0 for a wrong hit, and with plain
labels 1 for a right one. The definitions are those of Manning, Raghavan and Schuetze, Introduction to Information
Retrieval (2008), ch. 8.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]


def precision_at(k: int, gains: ArrayLike) -> Values:
    """Precision (q,): the share of right hits among the first k. Places that a query does not fill count as wrong.

    Raises:
        ValueError: k is below one, or the gains are not a matrix of finite numbers from 0.
    """
    return _right(k, gains) / k


def recall_at(k: int, gains: ArrayLike, relevant: ArrayLike) -> Values:
    """Recall (q,): the share of the `relevant` (q,) right pictures that are among the first k hits.

    Raises:
        ValueError: as `precision_at`; or a query has nothing to find.
    """
    counts = np.asarray(relevant, dtype=np.float64)
    if not (counts > 0).all():
        raise ValueError("a query has nothing to find")
    found: Values = _right(k, gains) / counts
    return found


def ndcg_at(k: int, gains: ArrayLike, ideal: ArrayLike) -> Values:
    """Normalised discounted cumulative gain (q,) of the first k hits: 1 for the best possible order.

    The gain at rank i is weighted by 1 / log2(i + 1), and the sum is divided by that of `ideal` (q, n), the greatest
    possible gains in descending order. Source: Jaervelin and Kekaelaeinen, Cumulated gain-based evaluation of IR
    techniques, ACM Transactions on Information Systems 20 (2002), with the discount that is usual today; theirs does not
    discount the second rank.

    Raises:
        ValueError: as `precision_at`; or a query has nothing to find.
    """
    best = _discounted(k, ideal)
    if not (best > 0).all():
        raise ValueError("a query has nothing to find")
    found: Values = _discounted(k, gains) / best
    return found


def reciprocal_rank(first: ArrayLike) -> Values:
    """Reciprocal rank (q,) of the first right hit, given its rank `first` (q,) from 1. Its mean is the MRR.

    A rank of 0 stands for no right hit, and gives 0.

    Source: Voorhees, The TREC-8 question answering track report (1999).

    Raises:
        ValueError: a rank is negative.
    """
    ranks = np.asarray(first, dtype=np.float64)
    if (ranks < 0).any():
        raise ValueError("ranks count from 1")
    return np.divide(1.0, ranks, out=np.zeros(ranks.shape), where=ranks > 0)


def _right(k: int, gains: ArrayLike) -> Values:
    return np.asarray((_checked(k, gains)[:, :k] > 0).sum(axis=1), dtype=np.float64)


def _discounted(k: int, gains: ArrayLike) -> Values:
    first = _checked(k, gains)[:, :k]
    discounts = 1 / np.log2(np.arange(2, first.shape[1] + 2))
    total: Values = first @ discounts
    return total


def _checked(k: int, gains: ArrayLike) -> Values:
    values = np.asarray(gains, dtype=np.float64)
    if k < 1 or values.ndim != 2 or not (np.isfinite(values) & (values >= 0)).all():
        raise ValueError("gains are rows of finite numbers from 0, and k is at least 1")
    return values
