"""Suggestions follow the evidence, and nothing is suggested without any."""

from typing import Any

from backend.rules.measures import suggest


def sweep(knob: str, values: dict[float, float], as_good: list[float], **more: Any) -> dict[str, Any]:
    best = max(values, key=lambda value: values[value])
    return {
        "measure": "ndcg@10",
        "points": [{knob: value, "value": found} for value, found in values.items()],
        "best": {"value": best, "as_good": as_good},
        **more,
    }


def document(**changes: Any) -> dict[str, Any]:
    hybrid = sweep("alpha", {0.2: 0.5, 0.4: 0.9, 0.6: 0.7}, [0.4])
    similar = sweep("alpha", {0.2: 0.6, 0.4: 0.8, 0.6: 0.79}, [0.4, 0.6])
    return {
        "library": {"alpha": 0.6, "threshold": 0.82},
        "retrieval": {"hybrid": {"queries": 40}, "media_to_media": {"queries": 90}},
        "alpha": {"hybrid": hybrid, "media_to_media": similar},
        "threshold": sweep("threshold", {0.7: 0.9, 0.82: 0.6}, [0.7], labelled=90),
    } | changes


def test_suggest__what_is_better_beyond_chance_for_both_tasks() -> None:
    alpha, threshold = suggest(document())
    assert (alpha.value, threshold.value) == (0.4, 0.7)
    assert "0.700 at 0.6, 0.900 at 0.4" in alpha.reason
    assert "0.600 at 0.82, 0.900 at 0.7" in threshold.reason


def test_suggest__what_is_as_good_is_left_alone() -> None:
    alpha, threshold = suggest(document(library={"alpha": 0.4, "threshold": 0.7}))
    assert (alpha.value, threshold.value) == (None, None)
    assert "within chance" in alpha.reason
    assert "within chance" in threshold.reason


def test_suggest__tasks_that_want_different_things_get_nothing() -> None:
    other = sweep("alpha", {0.2: 0.9, 0.4: 0.1, 0.6: 0.1}, [0.2])
    both = document()
    both["alpha"]["media_to_media"] = other
    alpha, _ = suggest(both)
    assert alpha.value is None
    assert "search in words is best at 0.4; similar pictures is best at 0.2" in alpha.reason
    # Too few queries of one kind prove nothing, and do not block the other kind.
    both["retrieval"]["media_to_media"]["queries"] = 19
    assert suggest(both)[0].value == 0.4


def test_suggest__too_little_evidence_is_said() -> None:
    few = {"hybrid": {"queries": 19}, "media_to_media": {"queries": 3}}
    alpha, threshold = suggest(document(retrieval=few, threshold=None))
    assert (alpha.value, threshold.value) == (None, None)
    assert "19 queries of search in words, 3 queries of similar pictures; at least 20" in alpha.reason
    assert "tell nothing about groups" in threshold.reason
    small = document()
    small["threshold"]["labelled"] = 49
    assert "49 labelled pictures; at least 50" in suggest(small)[1].reason
    assert "no queries" in suggest(document(alpha={}))[0].reason
