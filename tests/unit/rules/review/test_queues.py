"""A review queue is one value and one finder."""

import re
from pathlib import Path

import pytest

from backend.features.review import queue
from backend.rules.review import QUEUES, Acceptance, ReviewKind
from backend.web.pages.review_words import WORDS, OtherQueue

BACKEND = Path(__file__).parents[4] / "backend"
# What the finders write down.
FIGURES = {
    ReviewKind.SMALL_MARGIN: {"similarity": 0.83, "margin": 0.01, "threshold": 0.82, "founder": 0.0},
    ReviewKind.OUTLIER: {"similarity": 0.7, "typical_similarity": 0.9, "robust_z": -4.2},
    ReviewKind.CAPTION_DISAGREEMENT: {"similarity": 0.1, "typical_similarity": 0.3, "percentile": 0.05},
    ReviewKind.MERGE_CANDIDATE: {"similarity": 0.81, "threshold": 0.82},
    ReviewKind.SPLIT_CANDIDATE: {"mean_pairwise_similarity": 0.5, "bound": 0.7, "mean_similarity": 0.75},
}


def test_queues__each_has_its_value_its_finder_and_its_tab() -> None:
    assert list(QUEUES) == list(ReviewKind)
    assert queue._FINDERS.keys() == set(ReviewKind)
    assert list(WORDS) == [*ReviewKind, OtherQueue.NEAR_DUPLICATE]


def test_queues__two_modules_name_them() -> None:
    """A third one would be a file to touch for a new queue. What a kind does elsewhere is a field of its `Queue`."""
    naming = {
        path.relative_to(BACKEND).as_posix(): {kind for kind in ReviewKind if re.search(rf"(?i)\b{kind}\b", source)}
        for path in BACKEND.rglob("*.*")
        if path.suffix in {".py", ".sql", ".html", ".js"}
        for source in [path.read_text(encoding="utf-8")]
    }
    named = {name: kinds for name, kinds in naming.items() if kinds - {ReviewKind.OUTLIER}}
    assert named == {
        "rules/review/queues.py": set(ReviewKind),
        "features/review/queue.py": set(ReviewKind),
        # The first queue, and an example.
        "web/api/routes/review.py": {ReviewKind.SMALL_MARGIN},
        "web/pages/routes/review.py": {ReviewKind.SMALL_MARGIN},
        "web/api/schemas/review.py": {ReviewKind.MERGE_CANDIDATE},
    }


@pytest.mark.parametrize("kind", ReviewKind)
def test_queues__each_explains_and_draws_its_figures(kind: ReviewKind) -> None:
    figures = FIGURES[kind]
    lines = QUEUES[kind].draw(figures)
    assert len(lines) >= 2
    assert {line.value for line in lines} <= set(figures.values())
    assert f"{lines[0].value:.3f}" in QUEUES[kind].explain(figures)


def test_queues__only_pictures_can_be_put_elsewhere() -> None:
    about_groups = {ReviewKind.MERGE_CANDIDATE: Acceptance.MERGE, ReviewKind.SPLIT_CANDIDATE: Acceptance.SPLIT}
    for kind in ReviewKind:
        assert QUEUES[kind].acceptance is about_groups.get(kind, Acceptance.CONFIRM)
        assert QUEUES[kind].can_correct is (kind not in about_groups)


@pytest.mark.parametrize(
    ("more", "drawn", "said"),
    [
        ({"founder": 1.0}, ["threshold", "threshold"], "It started the group: it was 0.0100 short"),
        ({"founder": 1.0, "runner_up_similarity": 0.81}, ["runner-up", "threshold"], "the nearest one (0.810)"),
        (
            {"runner_up_similarity": 0.825},
            ["own", "runner-up", "threshold"],
            "the next group was at 0.825, 0.0100 behind",
        ),
        ({"runner_up_similarity": 0.6}, ["own", "threshold", "runner-up"], "only 0.0100 above the threshold of 0.82"),
        ({}, ["own", "threshold"], "below that it would have started a group"),
    ],
)
def test_small_margin__what_was_close_comes_first(more: dict[str, float], drawn: list[str], said: str) -> None:
    figures = FIGURES[ReviewKind.SMALL_MARGIN] | more
    one = QUEUES[ReviewKind.SMALL_MARGIN]
    assert [line.kind for line in one.draw(figures)] == drawn
    assert said in one.explain(figures)
