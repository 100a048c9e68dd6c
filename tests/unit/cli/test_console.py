"""What commands print is what users wrote, character by character."""

import pytest
from rich.table import Table

from backend.cli.console import complain, console, id_column, output, say

_TITLE = "[/b] [red]x[/red] [link=1]"


def test_titles_are_text_and_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    say(_TITLE)
    table = Table(id_column("media"), "title", title=_TITLE)
    table.add_row("0" * 36, _TITLE)
    output.print(table)
    printed = capsys.readouterr().out
    assert printed.count(_TITLE) == 3
    complain(_TITLE)
    console.print(_TITLE)
    assert capsys.readouterr().err.count(_TITLE) == 2
