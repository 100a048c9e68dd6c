"""SQL statements in files next to the module that runs them: `work.claim_pending.sql` next to `work.py`."""

from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute

from backend.files.text import MediaText
from backend.rules.naming import MOST_CAPTION_READ
from backend.store.schema import EMBEDDED_STATUSES, SpaceState

PARTS: Final = {
    "active_space": f"(SELECT id FROM space WHERE state = '{SpaceState.ACTIVE}')",  # noqa: S608 - a constant
    "embedded": str(tuple(map(str, EMBEDDED_STATUSES))),
    "called": f"media.title, left(media.caption, {MOST_CAPTION_READ}) AS said, media.file_name",
    # During recovery, Postgres does not list the transactions in progress: all from the oldest of them on count as not seen.
    "seen": "CASE WHEN pg_is_in_recovery() "
    "THEN pg_snapshot_xmin(pg_current_snapshot())::text || ':' || pg_snapshot_xmin(pg_current_snapshot())::text || ':' "
    "ELSE pg_current_snapshot()::text END",
    "server": "(SELECT extract(epoch FROM pg_postmaster_start_time())::text || '/' || oid::text FROM pg_database "
    "WHERE datname = current_database())",
    "media_text": ", ".join(f"media.{field.name}" for field in fields(MediaText)),
}
"""Values for each {template} that any statement may have.

- `active_space`: the id of the space that is searched and grouped in; NULL if there is none yet.
- `called`: the columns of `media` that `backend.store.titles` reads.
- `embedded`: the statuses of pictures that are embedded, as literals, because partial indexes are chosen by them.
- `seen`: the transactions that the statement has seen all rows of, as the text of a pg_snapshot. On a standby, fewer than it sees.
- `server`: what tells this database of this running server from all others, as text.
- `media_text`: the columns of `media` that `MediaText.of` reads.
"""


class Statements:
    """The statement files of one module, created with its `__file__`: `_SQL = Statements(__file__)`."""

    def __init__(self, module_file: str) -> None:
        self._module = Path(module_file)

    def __call__(self, name: str) -> str:
        """The text of `MODULE.NAME.sql`, with `PARTS` filled in."""
        return _read(self._module.with_name(f"{self._module.stem}.{name}.sql"))


def contains_folded(column: sa.ColumnElement[Any] | InstrumentedAttribute[Any], part: str) -> sa.ColumnElement[bool]:
    """Whether a text contains another, without regard to case, accents and Unicode form: the rule of all filters."""
    return sa.func.strpos(sa.func.folded(column), sa.func.folded(part)) > 0


@cache
def _read(path: Path) -> str:
    statement = path.read_text(encoding="utf-8")
    for name, part in PARTS.items():
        statement = statement.replace(f"{{{name}}}", part)
    return statement
