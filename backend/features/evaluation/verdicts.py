"""How far the verdict of the search can be believed: each label in words is asked twice, with and without its pictures."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from backend.features.evaluation.library import Reading
from backend.features.evaluation.options import Options
from backend.features.evaluation.tasks import Field, Words
from backend.features.evaluation.truth import Truth
from backend.rules.measures import Interval
from backend.rules.search import Backgrounds, judge

# Share of the pictures whose text is the same, as a program would write it, for the second measurement.
SHARING = 0.3


@dataclass(frozen=True)
class VerdictMeasures:
    """Precision and recall of the verdict, and of the hits that stand out.

    Attributes:
        queries: number of queries with right pictures; as many are asked without these.
        recall: share of the queries that are called relevant while there are right pictures.
        precision: share of queries with right pictures among all that are called relevant.
        hits_recall: share of the right pictures that stand out, in the mean of queries that are called relevant.
        hits_precision: share of right pictures among those that stand out, likewise.
    """

    queries: int
    recall: Interval
    precision: Interval
    hits_recall: Interval
    hits_precision: Interval


@dataclass(frozen=True)
class Verdicts:
    """The measures in the library as it is, and with one text for `SHARING` of its pictures. None without backgrounds."""

    as_it_is: VerdictMeasures
    sharing_a_text: VerdictMeasures | None


def measure_verdicts(reading: Reading, truth: Truth, words: Words, options: Options) -> Verdicts | None:
    """Measure the verdict on labels in words. None where the search knows none, or if no label has pictures."""
    as_it_is = _measure(reading, truth, words, options)
    if as_it_is is None:
        return None
    return Verdicts(as_it_is, _measure(_sharing_a_text(reading, options.seed), truth, words, options))


def _measure(reading: Reading, truth: Truth, words: Words, options: Options) -> VerdictMeasures | None:
    field = Field.of(reading, truth)
    backgrounds = reading.backgrounds(options.seed)
    able = [place for place, label in enumerate(words.labels.tolist()) if len(field.of_label[label])]
    if backgrounds is None or backgrounds.image is None or (backgrounds.text is None and field.has_text.any()):
        return None
    if not able:
        return None
    values = np.array([_ask(field, words, place, backgrounds, reading.alpha) for place in able])
    draws, means = options.bootstrap.means(np.nan_to_num(values)), np.nan_to_num(values).mean(axis=0)
    return VerdictMeasures(
        len(able),
        options.bootstrap.interval(float(means[0]), draws[:, 0]),
        *(
            options.bootstrap.interval(_share(means[part], means[whole]), _shares(draws[:, part], draws[:, whole]))
            for part, whole in ((0, 2), (3, 0), (4, 0))
        ),
    )


def _ask(field: Field, words: Words, place: int, backgrounds: Backgrounds, alpha: float) -> tuple[float, ...]:
    """Whether a query is relevant, and without its pictures; the sum of both; recall and precision of its hits, 0 if it is not."""
    image = (field.images @ words.images[place]).astype(np.float64)
    text = (field.texts @ words.texts[place]).astype(np.float64)
    text[~field.has_text] = np.nan
    image, text = backgrounds.about(words.images[place], words.texts[place]).calibrate(image, text)
    right = np.zeros(len(image), dtype=np.bool_)
    right[field.of_label[int(words.labels[place])]] = True
    verdict = judge(image, text, alpha, len(right), correlation=backgrounds.correlation)
    others = max(int((~right).sum()), 1)
    alarm = judge(image[~right], text[~right], alpha, others, correlation=backgrounds.correlation).relevant
    found = float((verdict.stands_out & right).sum())
    said = float(verdict.relevant)
    return said, float(alarm), said + float(alarm), found / right.sum(), found / max(int(verdict.stands_out.sum()), 1)


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else 0.0


def _shares(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _sharing_a_text(reading: Reading, seed: int) -> Reading:
    """The library in which this share of the pictures has the text of one of them."""
    generator = np.random.default_rng(seed)
    sides = reading.sides
    able = np.flatnonzero(~np.isnan(sides.texts[:, 0]))
    if not len(able):
        return reading
    some = generator.choice(able, max(round(SHARING * len(able)), 1), replace=False)
    texts, captions = sides.texts.copy(), sides.captions.copy()
    texts[some], captions[some] = texts[some[0]], captions[some[0]]
    return replace(reading, sides=replace(sides, texts=texts, captions=captions), stored={})
