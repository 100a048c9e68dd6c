"""Result of an evaluation, and its JSON format (docs/reference/evaluation.md)."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from backend.features.evaluation.grouping import Groupings, ThresholdSweep
from backend.features.evaluation.library import Reading
from backend.features.evaluation.options import Options
from backend.features.evaluation.retrieval import Found
from backend.features.evaluation.truth import Truth
from backend.features.evaluation.verdicts import Verdicts
from backend.rules.measures import Best, Bootstrap, Fault, Interval

SCHEMA_VERSION = 1
_DIGITS = 6


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Result of an evaluation.

    Attributes:
        reading: the library.
        truth: the labels.
        options: the options.
        found: result of each task that could be evaluated.
        groupings: None if not measured.
        thresholds: None if not measured.
        verdicts: None if not measured.
        notes: what could not be measured, and why.
    """

    reading: Reading
    truth: Truth
    options: Options
    found: tuple[Found, ...]
    groupings: Groupings | None
    thresholds: ThresholdSweep | None
    verdicts: Verdicts | None
    notes: tuple[str, ...]

    def label_of(self, code: int) -> str:
        return self.truth.names[code] if 0 <= code < len(self.truth.names) else ""

    def as_json(self) -> dict[str, Any]:
        """A JSON document, deterministic for the same library, labels and options."""
        reading, truth, options = self.reading, self.truth, self.options
        document = {
            "schema_version": SCHEMA_VERSION,
            "library": {
                "space": reading.space,
                "image_model": reading.image_model,
                "text_model": reading.text_model,
                "media": len(reading.media_ids),
                "alpha": reading.alpha,
                "threshold": reading.threshold,
            },
            "labels": {
                "origin": truth.origin,
                "labels": len(truth.names),
                "media": truth.media_count,
                "unknown": truth.unknown,
            },
            "options": {
                "ks": list(options.ks),
                "seed": options.seed,
                "resamples": options.resamples,
                "level": options.level,
                "most_queries": options.most_queries,
            },
            "headline": options.headline,
            "retrieval": {one.task.value: _describe_task(one, truth, options) for one in self.found},
            "alpha": {one.task.value: _describe_alphas(one, options) for one in self.found if one.by_alpha is not None},
            "grouping": None if self.groupings is None else asdict(self.groupings),
            "threshold": None if self.thresholds is None else _describe_thresholds(self.thresholds),
            "verdict": None if self.verdicts is None else asdict(self.verdicts),
            "notes": list(self.notes),
        }
        rounded: dict[str, Any] = _rounded(document)
        return rounded


def _describe_task(found: Found, truth: Truth, options: Options) -> dict[str, Any]:
    by_label = {
        truth.names[label]: {
            "queries": int((found.labels == label).sum()),
            "measures": _measure(found, options.bootstrap, found.labels == label),
            "faults": _count_faults(found, found.labels == label),
        }
        for label in np.unique(found.labels).tolist()
    }
    everything = np.ones(len(found.names), dtype=np.bool_)
    return {
        "method": found.method.value,
        "alpha": found.alpha,
        "queries": len(found.names),
        "drawn": found.drawn,
        "left_out": found.left_out,
        "measures": _measure(found, options.bootstrap, everything),
        "faults": _count_faults(found, everything),
        "labels": by_label,
        # `--gate` compares these by query.
        "by_query": {"names": found.names, **{name: values.tolist() for name, values in found.measures.items()}},
    }


def _measure(found: Found, bootstrap: Bootstrap, rows: np.ndarray) -> dict[str, Any]:
    values = np.column_stack([one[rows] for one in found.measures.values()])
    draws = bootstrap.means(values)
    return {
        name: asdict(bootstrap.interval(float(values[:, index].mean()), draws[:, index]))
        for index, name in enumerate(found.measures)
    }


def _count_faults(found: Found, rows: np.ndarray) -> dict[str, int] | None:
    if not found.task.is_fused:
        return None
    counts = found.faults[rows].sum(axis=0)
    return {fault.value: int(count) for fault, count in zip(Fault, counts, strict=True)}


def _describe_alphas(found: Found, options: Options) -> dict[str, Any]:
    assert found.by_alpha is not None
    means, draws = found.by_alpha.mean(axis=0), options.bootstrap.means(found.by_alpha)
    points = [
        {"alpha": alpha, **asdict(options.bootstrap.interval(float(means[index]), draws[:, index]))}
        for index, alpha in enumerate(options.alphas)
    ]
    best = options.bootstrap.best(means, draws)
    return {
        "measure": options.headline,
        "points": points,
        "best": _name_best(best, lambda index: options.alphas[index]),
    }


def _describe_thresholds(sweep: ThresholdSweep) -> dict[str, Any]:
    points = [{**asdict(one), **_of_interval(one.adjusted_rand_index)} for one in sweep.points]
    for one in points:
        del one["adjusted_rand_index"]
    return {
        "measure": "adjusted_rand_index",
        "media": sweep.media,
        "labelled": sweep.labelled,
        "drawn": sweep.drawn,
        "points": points,
        "best": _name_best(sweep.best, lambda index: sweep.points[index].threshold),
    }


def _of_interval(interval: Interval) -> dict[str, float]:
    return asdict(interval)


def _name_best(best: Best, value_of: Callable[[int], float]) -> dict[str, Any]:
    return {
        "value": value_of(best.index),
        "confidence": best.confidence,
        "low": value_of(best.low),
        "high": value_of(best.high),
        "as_good": [value_of(index) for index in best.as_good],
    }


def _rounded(content: Any) -> Any:
    """Round to six digits. More is noise, and thousands of queries must not bloat the file."""
    if isinstance(content, float):
        return round(content, _DIGITS)
    if isinstance(content, dict):
        return {name: _rounded(value) for name, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_rounded(value) for value in content]
    return content
