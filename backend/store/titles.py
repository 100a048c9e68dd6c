"""What pictures in the rows of a statement are called."""

from typing import Any, Final

import sqlalchemy as sa

from backend.rules.naming import MOST_CAPTION_READ, shown_title
from backend.store.schema import Media

CALLED: Final = (Media.title, sa.func.left(Media.caption, MOST_CAPTION_READ).label("said"), Media.file_name)
"""The columns that the functions here read; `{called}` in statements."""


def title_of(row: Any) -> str:
    """What the picture of a row is called, '' if there is nothing to call it by."""
    return shown_title(row.title, row.said, row.file_name)


def with_shown_title(row: Any) -> dict[str, Any]:
    """The values of a row by name, with `shown_title` in place of the columns that only it needs."""
    values: dict[str, Any] = row._asdict()
    return {name: value for name, value in values.items() if name not in {"said", "file_name"}} | {
        "shown_title": title_of(row)
    }
