"""CSV files. Spreadsheets run a text that begins like a formula, so such texts are marked as text."""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TextIO

# Full-width signs are formulas to spreadsheets of East Asia. Blanks before them are ignored by some.
_FORMULA: Final = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n]")
_NUMBER: Final = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")


def write_csv(file: TextIO, columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, raw: bool) -> None:
    """Write a header and rows. Texts are as they are if `raw`, otherwise safe to open in a spreadsheet (see `as_cell`)."""
    # Quoted, since a spreadsheet may split at another sign than a comma.
    writer = csv.DictWriter(file, columns, quoting=csv.QUOTE_MINIMAL if raw else csv.QUOTE_NONNUMERIC)
    writer.writeheader()
    for row in rows:
        writer.writerow(row if raw else {name: as_cell(value) for name, value in row.items()})


def as_cell(value: Any) -> Any:
    """The value for a cell: a text that a spreadsheet would take for a formula gets an apostrophe. Numbers stay numbers."""
    if isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value
