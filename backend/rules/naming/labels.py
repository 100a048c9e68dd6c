"""Labels of clusters from their members' words, by class-based TF-IDF.

Grootendorst 2022, "BERTopic: Neural topic modeling with a class-based TF-IDF procedure" (arXiv 2203.05794): all texts of
a cluster are one document, and a term t weighs `tf(t, c) * log(1 + A / f(t))` in cluster c, where tf is its share of the
cluster's words, f(t) its frequency over all clusters, and A the average number of words of a cluster. So terms that all
clusters share weigh little, and terms that distinguish one weigh much.
"""

import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from backend.rules.naming.terms import KEYWORD_WEIGHT, ClusterTerms, MemberText, says_something

MOST_TERMS = 3
# Terms beyond these are so rare that they count as used by one cluster only.
_KEPT_TERMS = 30_000
# A term that a smaller share of the members use does not describe the cluster.
_LEAST_SHARE = 0.05
_MANY_SPEAK = 4
# Endings of plurals and cases in several languages.
_ENDINGS = {"s", "es", "e", "n", "en", "er", "i", "x", "ing"}
_LEAST_STEM = 4
# A phrase replaces its word if the word nearly always occurs in the phrase.
_PHRASE_SHARE = 0.8


@dataclass(frozen=True)
class TermStatistics:
    """Term statistics of the whole library.

    Attributes:
        frequencies: weight of each term, summed over all clusters.
        average: mean total weight of a cluster that has terms.
    """

    frequencies: dict[str, float]
    average: float

    @classmethod
    def count(cls, clusters: Iterable[ClusterTerms]) -> Self:
        """Sum up the clusters. They may be a stream: none is kept in memory."""
        totals: dict[str, float] = {}
        speaking = 0
        for cluster in clusters:
            for term, weight in cluster.weights.items():
                totals[term] = totals.get(term, 0.0) + weight
            speaking += bool(cluster.weights)
        average = sum(totals.values()) / speaking if speaking else 0.0
        kept = sorted(totals.items(), key=lambda entry: (-entry[1], entry[0]))[:_KEPT_TERMS]
        return cls(dict(kept), average)

    def to_json(self) -> dict[str, Any]:
        return {"average": self.average, "frequencies": self.frequencies}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        return cls(content["frequencies"], content["average"])


def label_by_terms(clusters: Sequence[ClusterTerms], statistics: TermStatistics) -> list[str]:
    """A label for each cluster, such as "lighthouse, coast, dusk"; '' if its members have no term in common.

    Deterministic: between equal weights the term that more members use wins, then the longer, then alphabetical order.
    """
    candidates = [_shared_terms(cluster) for cluster in clusters]
    weighed = _class_tf_idf(clusters, candidates, statistics)
    return [_join(cluster, weights) for cluster, weights in zip(clusters, weighed, strict=True)]


def label_of_single(text: MemberText, terms: ClusterTerms, by_terms: str) -> str:
    """A label for a cluster of one: from its keywords, or else its whole title, or else the words of its caption."""
    has_keywords = any(weight >= KEYWORD_WEIGHT for weight in terms.weights.values())
    return text.title if says_something(text.title) and not has_keywords else by_terms


def nearest_words(
    centroids: NDArray[np.float32], word_vectors: NDArray[np.float32], words: Sequence[str], *, margin: float = 0.01
) -> list[str]:
    """A label for each centroid (n, d) from a vocabulary (w, d) embedded by the same model. All rows are unit vectors.

    The label is the nearest word, and a second one if its cosine is within `margin` of the first and they share no word.
    """
    labels = []
    for row in centroids @ word_vectors.T:
        near = np.flatnonzero(row >= row.max() - margin)
        first, *others = (words[index] for index in near[np.argsort(-row[near], kind="stable")])
        second = next((word for word in others if not set(first.split()) & set(word.split())), None)
        labels.append(first if second is None else f"{first}, {second}")
    return labels


def _shared_terms(cluster: ClusterTerms) -> list[str]:
    """Terms that enough members use to describe the cluster."""
    several = 2 if cluster.speaking >= _MANY_SPEAK else 1
    least = max(several, math.ceil(_LEAST_SHARE * cluster.size))
    return [term for term, count in cluster.members.items() if count >= least]


def _class_tf_idf(
    clusters: Sequence[ClusterTerms], candidates: Sequence[list[str]], statistics: TermStatistics
) -> list[dict[str, float]]:
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.preprocessing import normalize

    if not any(candidates):
        return [{} for _ in clusters]
    vectorizer = DictVectorizer(dtype=np.float64)
    counts = vectorizer.fit_transform([cluster.weights for cluster in clusters])
    terms = vectorizer.get_feature_names_out()
    own = np.asarray(counts.max(axis=0).todense()).ravel()
    known = np.array([statistics.frequencies.get(term, 0.0) for term in terms])
    # The statistics may be older than the newest clusters, and lack their terms.
    idf = np.log1p(max(statistics.average, 1.0) / np.maximum(known, own))
    weights = normalize(counts, norm="l1").multiply(idf).tocsr()
    column = vectorizer.vocabulary_
    return [{term: float(weights[row, column[term]]) for term in wanted} for row, wanted in enumerate(candidates)]


def _join(cluster: ClusterTerms, weights: dict[str, float]) -> str:
    order = sorted(weights, key=lambda term: (-round(weights[term], 12), -cluster.members[term], -len(term), term))
    chosen: list[str] = []
    for term in order:
        if len(chosen) == MOST_TERMS:
            break
        longer = _phrase_for(term, order, weights)
        if not any(_overlaps(longer, one) for one in chosen):
            chosen.append(longer)
    return ", ".join(cluster.surfaces.get(term, term) for term in chosen)


def _phrase_for(term: str, order: Sequence[str], weights: dict[str, float]) -> str:
    """The phrase that a word nearly always occurs in, or else the word itself."""
    if " " in term:
        return term
    phrases = (
        one for one in order if " " in one and term in one.split() and weights[one] >= _PHRASE_SHARE * weights[term]
    )
    return next(phrases, term)


def _overlaps(one: str, other: str) -> bool:
    """Whether two terms share a word, or are forms of one word."""
    if set(one.split()) & set(other.split()):
        return True
    short, long = sorted((_bare(one), _bare(other)), key=len)
    if len(short) < _LEAST_STEM:
        return short == long
    if len(short) == len(long):
        # gatto and gatti, casa and case
        return short[:-1] == long[:-1] and {short[-1], long[-1]} <= set("aeio")
    return long.startswith(short) and long[len(short) :] in _ENDINGS


def _bare(term: str) -> str:
    """The term without spaces and accents, so that "camp fire" equals "campfire" and "Türme" begins with "Turm"."""
    return "".join(sign for sign in unicodedata.normalize("NFKD", term) if sign.isalnum())
