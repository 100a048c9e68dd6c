"""Where commands print: results to standard output, so that they can be piped; progress and words to standard error."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column

_UUID_LENGTH = 36

# Titles and labels are what users wrote: "[/b]" in them is text, not markup.
console = Console(stderr=True, markup=False)
output = Console(markup=False)


def say(line: str) -> None:
    """One line of result, as it is: not broken at the width of the terminal, nothing in it coloured."""
    output.print(line, highlight=False, soft_wrap=True)


def complain(line: str) -> None:
    """The same to standard error."""
    console.print(line, highlight=False, soft_wrap=True)


def id_column(title: str) -> Column:
    """A column of ids in a table: whole at every width of the terminal, since they are there to be copied."""
    return Column(title, min_width=_UUID_LENGTH, no_wrap=True)


def print_json(content: Any) -> None:
    """One JSON document on standard output."""
    print(json.dumps(content, indent=2, default=str, ensure_ascii=False))  # noqa: T201 - this is where printing is done


@contextmanager
def progress_bar(description: str, total: int, *, quiet: bool = False) -> Iterator[Callable[[int], None]]:
    """A bar that is told how much is done; `quiet` hides it."""
    if quiet:
        yield lambda _done: None
        return
    columns = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(description, total=total)
        yield lambda done: progress.update(task, completed=done)


@contextmanager
def measured_bar(description: str, *, quiet: bool = False) -> Iterator[Callable[[int, int], None]]:
    """A bar that is told how much is done and how much there is; `quiet` hides it."""
    if quiet:
        yield lambda _done, _total: None
        return
    columns = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(description, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
