"""What commands print is what users wrote, character by character."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import backend.cli
from backend.cli.console import JsonListing, Table, complain, console, id_column, narrow_table, output, print_json, say

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


_NASTY = "\x1b]0;OWNED\x07\x1b]52;c;aGk=\x07\x9b2J\x7f\u2028\u2029\u202e\u2066 ä\n2026-12-01 ERROR forged\r\tx.jpg"
_ESCAPED = r"\x1b]0;OWNED\x07\x1b]52;c;aGk=\x07\x9b2J\x7f\u2028\u2029\u202e\u2066 ä\n2026-12-01 ERROR forged\r\tx.jpg"


def test_names_of_files_neither_steer_the_terminal_nor_forge_lines(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"  {_NASTY}: image_corrupt")
    complain(_NASTY)
    assert tuple(capsys.readouterr()) == (f"  {_ESCAPED}: image_corrupt\n", f"{_ESCAPED}\n")


def test_say__lines_of_a_message_are_indented_below_it(capsys: pytest.CaptureFixture[str]) -> None:
    say("It ends. The log:\n2026 ERROR a\x1b", multiline=True)
    complain("postgres failed:\nFATAL b", multiline=True)
    assert tuple(capsys.readouterr()) == (
        "It ends. The log:\n    2026 ERROR a\\x1b\n",
        "postgres failed:\n    FATAL b\n",
    )


def test_tables__cells_and_titles_are_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    for table in (Table("name", title="title\x1b[2J"), narrow_table("name")):
        table.add_row("one\ntwo \x1b[31m\x9b\u202e\udcff")
        output.print(table)
        printed = capsys.readouterr().out
        assert table.title is None or r"title\x1b[2J" in printed
        lines = [line.strip("│ ") for line in printed.splitlines()]
        assert "one" in lines
        assert r"two \x1b[31m\x9b\u202e\xff" in lines


def test_tables__no_command_makes_others() -> None:
    folder = Path(backend.cli.__file__).parent
    others = [path.name for path in folder.glob("*.py") if "rich.table" in path.read_text("utf-8")]
    assert others == ["console.py"]


def test_print_json__escapes_what_a_terminal_obeys(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    print_json({"path": _NASTY, _NASTY: 1})
    listing = JsonListing("rows")
    listing.add(_NASTY)
    listing.close({"path": _NASTY})
    written = capfdbinary.readouterr().out.decode("utf-8")
    document, end = json.JSONDecoder().raw_decode(written)
    assert document == {"path": _NASTY, _NASTY: 1}
    assert json.loads(written[end:]) == {"rows": [_NASTY], "path": _NASTY}
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202e\u2066]", written)
    assert "ä" in written


_FAILING = """
import logging
from backend.cli import application
from backend.errors import FileUnreadable

def app():
    logging.getLogger("a").warning("%s", NAME)
    raise FileUnreadable(f"{NAME} cannot be opened.", hint=f"Look at {NAME}.")

NAME = "a\\x1b]0;OWNED\\x07\\n2026-12-01 ERROR forged.jsonl"
application.app = app
application.main()
"""


def test_main__errors_and_warnings_are_escaped() -> None:
    done = subprocess.run([sys.executable, "-c", _FAILING], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count(r"a\x1b]0;OWNED\x07") == 3
    assert not {"\x1b", "\x07"} & {*done.stderr}
    assert not any(line.startswith("2026") for line in done.stderr.splitlines())
