"""SQL statements in files beside the module that runs them: `work.claim_pending.sql` beside `work.py`."""

from functools import cache
from pathlib import Path


class Statements:
    """The statement files of one module, made with its `__file__`: `_SQL = Statements(__file__)`."""

    def __init__(self, module_file: str) -> None:
        self._module = Path(module_file)

    def __call__(self, name: str) -> str:
        """The text of `MODULE.NAME.sql`."""
        return _read(self._module.with_name(f"{self._module.stem}.{name}.sql"))


@cache
def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
