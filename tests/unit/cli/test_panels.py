"""The help of the command line: every command under one heading."""

from collections import Counter

import click
from typer.main import get_command
from typer.testing import CliRunner

from backend.cli import app
from backend.cli.panels import PANELS


def test_panels__name_every_command_once_in_the_order_of_the_help() -> None:
    group = get_command(app)
    context = click.Context(group)  # type: ignore[arg-type]  # Typer brings a click of its own
    placed = [name for names in PANELS.values() for name in names]
    assert max(Counter(placed).values()) == 1
    assert group.list_commands(context) == placed  # type: ignore[attr-defined]


def test_help__shows_the_headings() -> None:
    told = CliRunner().invoke(app, ["--help"]).stdout
    places = [told.index(f"─ {panel} ─") for panel in PANELS]
    assert places == sorted(places)
    assert "─ Commands ─" not in told
