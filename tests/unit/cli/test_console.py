"""What commands print is what users wrote, character by character."""

import io
import json
import os
import sys

import pytest
from rich.table import Table

from backend.cli.console import complain, console, id_column, output, print_json, say

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


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii"])
def test_print_json__is_utf8_whatever_the_locale_and_the_names(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))

    print_json({"path": os.fsdecode(b"caf\xe9 \xff.jpg"), "title": "Zürich 東京", "half": "\ud83d"})

    document = written.getvalue().decode("utf-8")
    assert json.loads(document) == {"path": "caf\\xe9 \\xff.jpg", "title": "Zürich 東京", "half": "\\ud83d"}
    assert "Zürich 東京" in document


def test_say__names_that_are_not_utf8(capsys: pytest.CaptureFixture[str]) -> None:
    say(os.fsdecode(b"caf\xe9.jpg"))
    complain(os.fsdecode(b"caf\xe9.jpg"))
    assert tuple(capsys.readouterr()) == ("caf\\xe9.jpg\n", "caf\\xe9.jpg\n")
