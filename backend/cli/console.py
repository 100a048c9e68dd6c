"""Output of the command line: results to standard output, so that they can be piped, progress and messages to standard error."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.table import Table as RichTable
from rich.text import Text

from backend.logs import escape_controls, escape_controls_in_json

UUID_LENGTH = 36

# Titles and labels come from users: "[/b]" in them is text, not markup.
console = Console(stderr=True, markup=False)
output = Console(markup=False)


# Surrogates. Python decodes bytes of file names that are not UTF-8 to them, and broken texts contain them.
_UNPAIRED = re.compile("[\ud800-\udfff]")


def shown(text: str) -> str:
    """Make text safe for a terminal, in one line and encodable as UTF-8.

    Names of files and browsers come from others. Control characters are escaped as in logs; a byte that is not UTF-8 becomes a
    backslash, x and two hex digits.
    """
    return escape_controls(_UNPAIRED.sub(lambda found: _spelled(found[0]), text))


def _in_lines(text: str, *, indent: str = "") -> str:
    return f"\n{indent}".join(map(shown, text.split("\n")))


def _spelled(unpaired: str) -> str:
    code = ord(unpaired)
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"


def say(line: str, *, multiline: bool = False) -> None:
    """Print a line to standard output, without wrapping or colors. Line breaks are escaped; with `multiline`, what follows one is
    indented, so that it cannot be mistaken for a line of ours."""
    output.print(_in_lines(line, indent="    ") if multiline else shown(line), highlight=False, soft_wrap=True)


def complain(line: str, *, multiline: bool = False) -> None:
    """Print a line to standard error, as `say` does."""
    console.print(_in_lines(line, indent="    ") if multiline else shown(line), highlight=False, soft_wrap=True)


class Table(RichTable):
    """A table whose title and cells are safe for a terminal. Cells may have several lines."""

    def __init__(self, *headers: Column | str, title: str | None = None, **options: Any) -> None:
        super().__init__(*headers, title=None if title is None else shown(title), **options)

    def add_row(self, *cells: Any, **options: Any) -> None:
        super().add_row(*(_in_lines(cell) if isinstance(cell, str) else cell for cell in cells), **options)


def id_column(title: str) -> Column:
    """A column for ids. They are never cut or wrapped, so that they can be copied."""
    return Column(title, min_width=UUID_LENGTH, no_wrap=True)


def narrow_table(first: str | Column, *others: str | Column) -> Table:
    """A table without borders, for terminals of 80 columns. The first column is never wrapped."""
    column = Column(first, no_wrap=True) if isinstance(first, str) else first
    return Table(column, *others, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))


def print_json(content: Any) -> None:
    """Print a JSON document to standard output as UTF-8 in any locale. Text that is not UTF-8 is escaped as in `shown`."""
    _write_json(json.dumps(content, indent=2, default=str, ensure_ascii=False) + "\n")


class JsonListing:
    """A JSON object on standard output whose first value is a list that may be long, written as it grows."""

    def __init__(self, name: str) -> None:
        self._separator = ""
        _write_json(f'{{\n  "{name}": [')

    def add(self, item: Any) -> None:
        """Write an item of the list."""
        _write_json(f"{self._separator}\n    {json.dumps(item, default=str, ensure_ascii=False)}")
        self._separator = ","

    def close(self, rest: dict[str, Any]) -> None:
        """End the list, and write the other values of the object."""
        _write_json(f"\n  ],{json.dumps(rest, indent=2, default=str, ensure_ascii=False)[1:]}\n")


def _write_json(document: str) -> None:
    document = _UNPAIRED.sub(lambda found: _spelled(found[0]).replace("\\", "\\\\"), document)
    sys.stdout.flush()
    sys.stdout.buffer.write(escape_controls_in_json(document).encode("utf-8"))
    sys.stdout.buffer.flush()


class _Count(ProgressColumn):
    """Shows DONE/TOTAL, or only DONE while the total is unknown."""

    def render(self, task: Task) -> Text:
        done = f"{int(task.completed):,}"
        if task.total is None:
            return Text(done if task.completed else "", style="progress.download")
        return Text(f"{done}/{int(task.total):,}", style="progress.download")


@contextmanager
def progress_bar(description: str, total: int, *, quiet: bool = False) -> Iterator[Callable[[int], None]]:
    """Show a progress bar for a known total. Call the yielded function with the number done. `quiet` hides the bar."""
    if quiet:
        yield lambda _done: None
        return
    columns = (TextColumn("{task.description:<12}"), BarColumn(), _Count(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(description, total=total)
        yield lambda done: progress.update(task, completed=done)


@contextmanager
def measured_bar(description: str, *, quiet: bool = False) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar for a growing total.

    Call the yielded function with the number done and the total. `quiet` hides the bar.
    """
    if quiet:
        yield lambda _done, _total: None
        return
    columns = (TextColumn("{task.description:<12}"), BarColumn(), _Count(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(description, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextmanager
def stepping_bar(*, quiet: bool = False) -> Iterator[Callable[[str, int, int | None], None]]:
    """Show a progress bar for several steps, one after another.

    Call the yielded function with the step's name, the number done, and the total or None. `quiet` hides the bar.
    """
    if quiet:
        yield lambda _step, _done, _total: None
        return
    columns = (TextColumn("{task.description:<12}"), BarColumn(), _Count(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("reading", total=None)
        latest = "reading"

        def show(step: str, done: int, total: int | None) -> None:
            nonlocal latest
            if step != latest:
                # Only a reset can turn a known total into an unknown one.
                progress.reset(task, total=total, description=step)
                latest = step
            progress.update(task, completed=done, total=total)

        yield show
