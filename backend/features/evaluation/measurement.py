"""Measurement jobs, whose reports are stored. All work on samples, so that large libraries take minutes, not hours."""

import os
from collections.abc import Callable
from dataclasses import asdict
from enum import StrEnum
from typing import Any

import numpy as np

from backend.errors import MediaclusterError
from backend.features.consolidation import compare_thresholds
from backend.features.evaluation.evaluation import evaluate_by_any
from backend.features.evaluation.options import Options
from backend.features.services import Services
from backend.rules.measures import Histogram, place, project, separate, suggest
from backend.store.evaluation import (
    Standing,
    find_standing,
    list_mapped,
    measuring,
    pack_points,
    record_failure,
    record_report,
    sample_background_pairs,
    sample_cohesion,
    sample_same_pairs,
)
from backend.store.groups import load_embeddings
from backend.store.spaces import get_active_space, get_threshold

_PAIRS = 5_000
_COHESION_GROUPS = 10_000
_RERUN_MEDIA = 20_000
THRESHOLDS = tuple(round(0.5 + step / 50, 2) for step in range(25))
MAP_POINTS = 100_000
_MAP_FITTED = 20_000
_BLOCK = 8_192
EVALUATED = Options(most_queries=500, resamples=500, most_media=10_000, most_offline=2_000)


class Job(StrEnum):
    """Kinds of measurement.

    `figures` are similarities of pairs, cohesion, and results of other thresholds; `map` places the pictures in the plane;
    `evaluation` measures search and groups against labels.
    """

    FIGURES = "figures"
    MAP = "map"
    EVALUATION = "evaluation"


# The reports of each job.
REPORTS = {Job.FIGURES: ("similarities", "thresholds"), Job.MAP: ("map",), Job.EVALUATION: ("evaluation",)}


def measure(services: Services, job: Job) -> bool:
    """Run a job. Returns False if another process runs it. A report that fails records the reason.

    Raises:
        NotFound: there is no active space.
    """
    with services.database.transaction() as session:
        space_id = get_active_space(session).id
    with measuring(services.database, space_id, job) as won:
        if not won:
            return False
        for kind in REPORTS[job]:
            try:
                _MAKERS[kind](services)
            except Exception as error:
                failure = error.detail if isinstance(error, MediaclusterError) else f"{type(error).__name__}: {error}"
                with services.database.transaction() as session:
                    record_failure(session, space_id, kind, failure)
                raise
    return True


def _read_standing(services: Services) -> Standing:
    with services.database.transaction() as session:
        standing = find_standing(session)
    assert standing is not None
    return standing


def _measure_similarities(services: Services) -> None:
    standing = _read_standing(services)
    with services.database.transaction() as session:
        same = sample_same_pairs(session, standing.space_id, standing.media_count, _PAIRS)
        background = sample_background_pairs(session, standing.space_id, standing.media_count, _PAIRS)
        cohesion = sample_cohesion(session, standing.space_id, _COHESION_GROUPS)
        separation = separate(same, background)
        content = {
            **asdict(separation),
            "cohesion": asdict(Histogram.of(cohesion)),
            "mean_cohesion": float(cohesion.mean()) if len(cohesion) else None,
        }
        record_report(session, standing, "similarities", content)


def _measure_thresholds(services: Services) -> None:
    standing = _read_standing(services)
    with services.database.transaction() as session:
        present = get_threshold(session, standing.space_id, services.settings.threshold)
    thresholds = sorted({*THRESHOLDS, present})
    reports = compare_thresholds(services, thresholds, most_media=_RERUN_MEDIA)
    with services.database.transaction() as session:
        content = {"present": present, "reports": [asdict(report) for report in reports]}
        record_report(session, standing, "thresholds", content)


def _draw_map(services: Services) -> None:
    # Keep what UMAP compiles. By default that goes beside the package, which is read-only in a container.
    os.environ.setdefault("NUMBA_CACHE_DIR", str(services.settings.home_path / "cache" / "numba"))
    standing = _read_standing(services)
    with services.database.transaction() as session:
        dimension = get_active_space(session).image_dimension
        media_ids = list_mapped(session, standing.space_id, MAP_POINTS)
        fitted = load_embeddings(session, standing.space_id, media_ids[:_MAP_FITTED], dimension)
    projection = project(fitted)
    points = [projection.points]
    for start in range(_MAP_FITTED, len(media_ids), _BLOCK):
        with services.database.transaction() as session:
            block = load_embeddings(session, standing.space_id, media_ids[start : start + _BLOCK], dimension)
        points.append(place(block, fitted, projection.points))
    content = {
        "method": projection.method,
        "parameters": projection.parameters,
        "points": len(media_ids),
        "fitted": len(fitted),
    }
    with services.database.transaction() as session:
        record_report(session, standing, "map", content, pack_points(media_ids, np.concatenate(points)))


def _evaluate(services: Services) -> None:
    """Evaluate by the first labels with enough data. Without any, an empty report is stored."""
    standing = _read_standing(services)
    evaluation = evaluate_by_any(services, EVALUATED)
    content: dict[str, Any] = {"document": None, "suggestions": []}
    if evaluation is not None:
        document = evaluation.as_json()
        content["suggestions"] = [asdict(one) for one in suggest(document)]
        # The page must stay small; single queries and labels are for reports.
        for found in document["retrieval"].values():
            del found["by_query"], found["labels"]
        content["document"] = document
    with services.database.transaction() as session:
        record_report(session, standing, "evaluation", content)


_MAKERS: dict[str, Callable[[Services], None]] = {
    "similarities": _measure_similarities,
    "thresholds": _measure_thresholds,
    "map": _draw_map,
    "evaluation": _evaluate,
}
