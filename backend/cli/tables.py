"""CSV files. Spreadsheets run a text that begins like a formula, so such texts are marked as text."""

import csv
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TextIO

# Full-width and small signs are formulas to spreadsheets of East Asia. Blanks and invisible characters before them are ignored by some.
_SIGNS: Final = frozenset("=+-@＝＋－＠﹦﹢﹣﹫\u2212")
_INVISIBLE: Final = frozenset(
    {"Cc", "Cf", "Zs", "Zl", "Zp"}
)  # Unicode's categories of controls, marks without width, and blanks
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
    if isinstance(value, str) and _is_formula(value) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def _is_formula(text: str) -> bool:
    first = next((sign for sign in text if unicodedata.category(sign) not in _INVISIBLE), "")
    return first in _SIGNS or text.startswith(("\t", "\r", "\n"))
