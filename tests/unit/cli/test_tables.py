"""CSV that spreadsheets open: no text of a stranger is run, and programs can have the texts as they are."""

import csv
import io
from typing import Any

import pytest

from backend.cli.tables import as_cell, write_csv


@pytest.mark.parametrize(
    "text",
    [
        "=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "＝1+1", "＋1", "－1", "＠SUM(A1)", "=cmd|' /C calc'!A0", "-x",
        '=HYPERLINK("http://example.org","x")', "\u00a0=1", "+49 30 123", "-", "=",
        "\ufeff=1", "\u200b=1", "\u2060+1", "\u00ad@A1", " \ufeff\u200e=1", "﹦1+1", "﹢1", "﹣1", "﹫SUM(A1)", "\u2212x", "\x01=1",
        "\u200b\t=1",
    ],
)  # fmt: skip
def test_as_cell__what_is_run_becomes_text(text: str) -> None:
    assert as_cell(text) == f"'{text}"


@pytest.mark.parametrize(
    "value", ["", "a=b", "A walk", "-12.5", "+3", "1e-5", "-1E+9", "12", -0.5, 7, None, True, "ﬀ", "'=1"]
)
def test_as_cell__the_rest_stays(value: Any) -> None:
    assert as_cell(value) is value


@pytest.mark.parametrize("raw", [False, True])
def test_write_csv__for_spreadsheets_and_for_programs(raw: bool) -> None:
    file = io.StringIO()
    write_csv(file, ["title", "rank", "error"], [{"title": "a;=1+1", "rank": -1, "error": "=1"}], raw=raw)
    (row,) = csv.DictReader(io.StringIO(file.getvalue()))
    assert row == {"title": "a;=1+1", "rank": "-1", "error": "=1" if raw else "'=1"}
    # Where another sign separates, quotes keep a text in one cell.
    assert ('"a;=1+1"' in file.getvalue()) is not raw
