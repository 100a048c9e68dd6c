from datetime import UTC, datetime, timedelta

from backend.store.operations import Sample
from backend.web.pages.timelines import Span, make_chart

START = datetime(2026, 1, 1, tzinfo=UTC)


def sample(minute: int, value: float | None) -> Sample:
    return Sample(START + timedelta(minutes=minute), 0, 0, 0, 0, 0.0, 0.0, 0.0, value, None)


def drawn(*samples: Sample) -> tuple[str, str]:
    """Ten minutes, a sample a minute: a minute is 100 wide, and 2 reaches the top of 100."""
    span = Span(START, seconds=600, step_seconds=60)
    chart = make_chart("key", "title", "unit", samples, span, [("name", 7, lambda one: one.embed_seconds)])
    return chart.series[0].path, chart.series[0].dots


def test_make_chart__a_line_is_interrupted_where_samples_are_missing() -> None:
    lines, dots = drawn(
        sample(0, 1), sample(1, 2), sample(5, 1), sample(6, 1), sample(7, None), sample(8, 2), sample(9, 2)
    )
    assert lines == "M0.0 50.0L100.0 0.0M500.0 50.0L600.0 50.0M800.0 0.0L900.0 0.0"
    assert dots == ""


def test_make_chart__what_no_line_leads_to_is_a_dot() -> None:
    lines, dots = drawn(sample(0, 2), sample(4, 1), sample(5, 1), sample(6, None), sample(9, 2))
    assert lines == "M400.0 50.0L500.0 50.0"
    assert dots == "M0.0 0.0h0M900.0 0.0h0"
    assert drawn(sample(3, None)) == ("", "")
