"""The HTML report of an evaluation: one file with inlined pictures and plots, and without scripts."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from backend.features.evaluation.evaluation import OnProgress
from backend.features.evaluation.pictures import Pairs, compare_pairs, draw_maps, make_sheet, take_times
from backend.features.evaluation.plots import Mark, draw_alphas, draw_thresholds, histograms, scatter, whisker
from backend.features.evaluation.result import Evaluation
from backend.features.services import Services
from backend.rules.measures import has_umap

_HERE = Path(__file__).parent
_TASKS = {
    "text_to_image": ("Words to pictures", "A label in words, by looks only"),
    "caption_to_image": ("Captions to pictures", "A picture's caption, by looks only"),
    "image_to_text": ("Pictures to captions", "One picture, against the captions of others"),
    "media_to_media": ("Similar pictures", "One picture with its text, as recommendations use it"),
    "hybrid": ("Search in words", "A label in words, by looks and text, as the search does"),
    "picture": ("Dropped picture", "A picture dropped into the search, by looks"),
    "picture_and_words": (
        "Dropped picture and words",
        "Picture by looks and words by text, as the search does",
    ),
}
_GROUPINGS = {
    "online": ("As the groups are", "Assigned one by one, with curators' decisions"),
    "consolidated": ("After the second pass", "What mediacluster consolidate would leave"),
    "agglomerative": ("Offline, cut at 1 - threshold", "Agglomerative clustering over all pairs, as in a notebook"),
    "agglomerative_wide": ("Offline, cut at 1 - threshold²", "As wide as the rule allows groups to be"),
}
_FAULTS = {"image": "looks", "text": "words", "both": "both", "no_words": "no words to go by"}


def write_report(services: Services, evaluation: Evaluation, on_progress: OnProgress | None = None) -> str:
    """Render the report. Computes the maps, pictures and timings that only a report has. Reads the library only.

    Raises:
        EncoderUnavailable: the models to time cannot be loaded.
    """
    report_progress = on_progress or (lambda _stage, _done, _total: None)

    def stage(name: str) -> Callable[[int, int], None]:
        return lambda done, total: report_progress(name, done, total)

    document = evaluation.as_json()
    # Judgements give pictures no labels, so there are no colours for a map and no pairs with one label.
    has_labels = evaluation.groupings is not None
    maps = draw_maps(services, evaluation, stage("maps")) if has_labels else []
    report_progress("pictures", 0, 1)
    sheet = make_sheet(services, evaluation)
    report_progress("pictures", 1, 1)
    timings = [] if document["retrieval"].get("hybrid") is None else take_times(services, evaluation, stage("times"))
    names = evaluation.truth.names
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("report.html").render(
        document=document,
        made_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        style=Markup((_HERE / "report.css").read_text(encoding="utf-8")),  # noqa: S704 - ours
        tasks=_TASKS,
        groupings=_GROUPINGS,
        faults=_FAULTS,
        whisker=whisker,
        pairs=[(one, _draw_pairs(one, document)) for one in (compare_pairs(evaluation) if has_labels else [])],
        alphas={task: draw_alphas(document, task) for task in document["alpha"]},
        threshold=None if document["threshold"] is None else draw_thresholds(document),
        maps=[(one.method, len(one.labels), scatter(one.points, one.labels, names, one.method)) for one in maps],
        has_umap=has_umap(),
        sheet=sheet,
        timings=timings,
        worst=_rank_labels(document),
    )


def _draw_pairs(pairs: Pairs, document: dict[str, Any]) -> Markup:
    same, background = pairs.separation.same, pairs.separation.background
    threshold = document["library"]["threshold"]
    marks = [Mark(threshold, f"threshold {threshold:g}", "now")] if pairs.side == "Pictures" else []
    return histograms(same, background, marks, f"{pairs.side}: similarity of pairs of one label and of two")


def _rank_labels(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Labels from worst to best, by text search if it was evaluated, with both figures."""
    headline = document["headline"]
    by_task = {task: document["retrieval"].get(task, {"labels": {}})["labels"] for task in ("hybrid", "media_to_media")}
    names = {name for labels in by_task.values() for name in labels}
    rows: list[dict[str, Any]] = [
        {
            "name": name,
            **{
                task: labels[name]["measures"][headline] if name in labels else None for task, labels in by_task.items()
            },
        }
        for name in names
    ]
    return sorted(
        rows,
        key=lambda row: (
            min(one["value"] for one in (row["hybrid"], row["media_to_media"]) if one is not None),
            row["name"],
        ),
    )
