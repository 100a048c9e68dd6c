"""Suggested values of alpha and threshold for a library, with reasons, from an evaluation."""

from dataclasses import dataclass
from typing import Any

import numpy as np

LEAST_QUERIES = 20
LEAST_LABELLED = 50


@dataclass(frozen=True)
class Suggestion:
    """A suggestion for one parameter.

    Attributes:
        knob: "alpha" or "threshold".
        present: the current value.
        value: the better value, None to keep the current one.
        reason: why, with figures.
    """

    knob: str
    present: float
    value: float | None
    reason: str


def suggest(document: dict[str, Any]) -> tuple[Suggestion, Suggestion]:
    """Suggest alpha and threshold from an evaluation (see `Evaluation.as_json`).

    A value is suggested only if the current one is significantly worse than the best, since every change has a cost.
    """
    return _suggest_alpha(document), _suggest_threshold(document)


def _suggest_alpha(document: dict[str, Any]) -> Suggestion:
    present = document["library"]["alpha"]
    asked = {task: document["retrieval"][task]["queries"] for task in document["alpha"]}
    sweeps = {task: sweep for task, sweep in document["alpha"].items() if asked[task] >= LEAST_QUERIES}
    if not sweeps:
        known = ", ".join(f"{count} queries of {_task_title(task)}" for task, count in asked.items()) or "no queries"
        return Suggestion(
            "alpha", present, None, f"not enough data: {known}; at least {LEAST_QUERIES} of one kind are needed"
        )
    # One alpha serves both, so it has to be as good as the best for each.
    good = sorted(set.intersection(*(set(sweep["best"]["as_good"]) for sweep in sweeps.values())))
    kinds = " and ".join(f"{_task_title(task)} ({asked[task]:,} queries)" for task in sweeps)
    if present in good:
        return Suggestion("alpha", present, None, f"{present:g} is as good as the best for {kinds}, within chance")
    if not good:
        wanted = "; ".join(
            f"{_task_title(task)} is best at {sweep['best']['value']:g}" for task, sweep in sweeps.items()
        )
        return Suggestion("alpha", present, None, f"no alpha is good for both: {wanted}")
    value = max(good, key=lambda alpha: (_mean_at(sweeps, alpha), -abs(alpha - present)))
    gains = "; ".join(
        f"{sweep['measure']} of {_task_title(task)} {_at(sweep, 'alpha', present):.3f} at {present:g}, {_at(sweep, 'alpha', value):.3f} at {value:g}"
        for task, sweep in sweeps.items()
    )
    span = "" if len(good) == 1 else f"; {good[0]:g} to {good[-1]:g} are as good"
    return Suggestion("alpha", present, value, f"{gains}, beyond chance on {kinds}{span}")


def _suggest_threshold(document: dict[str, Any]) -> Suggestion:
    present, sweep = document["library"]["threshold"], document["threshold"]
    if sweep is None:
        return Suggestion(
            "threshold", present, None, "judgements of hits tell nothing about groups; use labels or curated groups"
        )
    if sweep["labelled"] < LEAST_LABELLED:
        reason = f"not enough data: {sweep['labelled']} labelled pictures; at least {LEAST_LABELLED} are needed"
        return Suggestion("threshold", present, None, reason)
    good, best = sweep["best"]["as_good"], sweep["best"]["value"]
    media = f"{sweep['labelled']:,} labelled pictures"
    if present in good:
        return Suggestion(
            "threshold", present, None, f"{present:g} is as good as the best ({best:g}) for {media}, within chance"
        )
    before, after = (_at(sweep, "threshold", value) for value in (present, best))
    span = "" if len(good) == 1 else f"; {min(good):g} to {max(good):g} are as good"
    reason = f"adjusted Rand index {before:.3f} at {present:g}, {after:.3f} at {best:g}, beyond chance on {media}{span}"
    return Suggestion("threshold", present, best, reason)


def _mean_at(sweeps: dict[str, Any], alpha: float) -> float:
    return float(np.mean([_at(sweep, "alpha", alpha) for sweep in sweeps.values()]))


def _at(sweep: dict[str, Any], knob: str, value: float) -> float:
    return float(next(point["value"] for point in sweep["points"] if point[knob] == value))


def _task_title(task: str) -> str:
    return {
        "hybrid": "search in words",
        "media_to_media": "similar pictures",
        "picture_and_words": "search by a picture and words",
    }[task]
