"""The sentence that says why a picture is in its group."""

from typing import Any

import numpy as np
import pytest

from backend.rules.grouping import CLOSE_CALL, Centroids, assign, explain_decision, explain_membership
from backend.rules.review import BOUNDS

THRESHOLD = 0.82
CLEAR: dict[str, Any] = {
    "similarity": 0.93,
    "threshold": THRESHOLD,
    "runner_up": 0.61,
    "margin": 0.11,
    "founder": False,
    "by_curator": False,
    "measured_later": False,
}
FOUNDER: dict[str, Any] = {"similarity": 1.0, "founder": True}


@pytest.mark.parametrize(
    ("figures", "sentence"),
    [
        ({}, "Clearly here. It joined at 0.930, 0.110 above the threshold of 0.82; the next group was at 0.610."),
        (
            {"runner_up": None},
            "Clearly here. It joined at 0.930, 0.110 above the threshold of 0.82; there was no other group.",
        ),
        (
            {"runner_up": 0.85, "margin": 0.08},
            "Clearly here. It joined at 0.930; the next group was at 0.850, 0.080 behind.",
        ),
        (
            {"similarity": 0.85, "runner_up": 0.84, "margin": 0.01},
            "A close call. It joined at 0.850; the next group was at 0.840, 0.0100 behind.",
        ),
        (
            {"similarity": 0.825, "threshold": 0.815, "margin": 0.01},
            (
                "A close call. It joined at 0.825, only 0.0100 above the threshold of 0.815; "
                "below that it would have started a group."
            ),
        ),
        (FOUNDER | {"margin": 0.21}, "It started the group: it was 0.210 short of joining the nearest one (0.610)."),
        (
            FOUNDER | {"runner_up": 0.815, "margin": 0.005},
            "A close call. It started the group: it was 0.0050 short of joining the nearest one (0.815).",
        ),
        (
            FOUNDER | {"runner_up": None, "margin": None},
            "It started the group. There was no other group that it could join.",
        ),
    ],
)
def test_explain__a_decision_by_the_rule(figures: dict[str, Any], sentence: str) -> None:
    assert explain_membership(**CLEAR | figures) == sentence


def test_explain__a_curator_counts_more_than_any_figure() -> None:
    decided = "A curator decided that it belongs here. Its similarity to the group is 0.530."
    for figures in ({"margin": None, "runner_up": None}, {"margin": -0.29}, {"margin": 0.3, "measured_later": True}):
        assert explain_membership(**CLEAR | {"similarity": 0.53, "by_curator": True} | figures) == decided


def test_explain__a_group_that_was_merged_into_another() -> None:
    assert explain_membership(**CLEAR | {"margin": None, "runner_up": None}) == (
        "It came along when its former group was merged into this one. Its similarity is 0.930."
    )


@pytest.mark.parametrize(
    ("figures", "sentence"),
    [
        ({}, "Clearly here. It joined at 0.930, 0.110 above the threshold of 0.82; the next group was at 0.610."),
        (
            {"similarity": 0.7, "margin": -0.12},
            "Doubtful. Its similarity is 0.700, although that is below the threshold of 0.82.",
        ),
        (
            {"similarity": 0.87, "runner_up": 0.9, "margin": -0.03},
            "Doubtful. Its similarity is 0.870, although the next group is nearer, at 0.900.",
        ),
        (
            FOUNDER | {"runner_up": 0.85, "margin": -0.03},
            "Doubtful. It started the group, although the nearest other one (0.850) is not below the threshold of 0.82.",
        ),
    ],
)
def test_explain__figures_of_a_later_model_may_speak_against_it(figures: dict[str, Any], sentence: str) -> None:
    later = " Another model decided; these figures were measured later."
    assert explain_membership(**CLEAR | {"measured_later": True} | figures) == sentence + later


def test_explain__what_counts_as_close_is_what_the_review_queue_lists() -> None:
    assert BOUNDS.margin == CLOSE_CALL
    for margin, is_close in ((CLOSE_CALL, True), (np.nextafter(CLOSE_CALL, 1), False)):
        assert explain_membership(**CLEAR | {"margin": margin}).startswith("A close call.") is is_close


def test_explain__the_decisions_of_the_rule() -> None:
    """Three directions in a plane at 0, 30 and 90 degrees: the first founds, the second joins, the third founds."""
    angles = np.radians([0, 30, 90])
    decided = assign(np.stack([np.cos(angles), np.sin(angles)], axis=1), Centroids.empty(2), THRESHOLD).decisions
    said = [
        explain_membership(
            similarity=one.similarity,
            threshold=THRESHOLD,
            runner_up=one.runner_up_similarity,
            margin=one.margin,
            founder=one.founder,
            by_curator=False,
            measured_later=False,
        )
        for one in decided
    ]
    assert said == [
        "It started the group. There was no other group that it could join.",
        "Clearly here. It joined at 0.866, 0.046 above the threshold of 0.82; there was no other group.",
        # The mean of the first two is at 15 degrees.
        "It started the group: it was 0.561 short of joining the nearest one (0.259).",
    ]


def test_explain__the_review_queue_says_the_same_without_the_verdict() -> None:
    close = CLEAR | {"similarity": 0.83, "margin": 0.01}
    figures = {name: close[name] for name in ("similarity", "threshold", "runner_up", "margin", "founder")}
    assert explain_membership(**close) == f"A close call. {explain_decision(**figures)}"
