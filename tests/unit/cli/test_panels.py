"""The help of the command line: every command under one heading."""

from itertools import groupby
from pathlib import Path
from typing import Any

import click
import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from backend.cli import app
from backend.cli.application import FEATURES
from backend.cli.panels import Panel, PanelGroup


def listed(commands: typer.Typer) -> dict[str, Any]:
    group: Any = get_command(commands)
    return {name: group.commands[name] for name in group.list_commands(click.Context(group))}


def test_panels__stand_in_their_order_and_none_is_empty() -> None:
    panels = [panel for panel, _commands in groupby(listed(app).values(), key=lambda one: one.rich_help_panel)]
    assert panels == list(Panel)


def test_features__are_the_modules_that_have_commands() -> None:
    folder = Path(__file__).parents[3] / "backend/cli"
    having = {
        path.stem for path in folder.glob("*.py") if "\ncommands = typer.Typer" in path.read_text(encoding="utf-8")
    }
    assert having == {feature.__name__.rpartition(".")[2] for feature in FEATURES}


def test_panels__have_their_commands_in_the_order_of_the_features() -> None:
    added: list[str] = []
    for feature in FEATURES:
        only = typer.Typer(cls=PanelGroup)
        only.add_typer(feature.commands)
        only.callback()(lambda: None)
        added += listed(only)
    assert len(set(added)) == len(added)
    places = {name: (list(Panel).index(one.rich_help_panel), added.index(name)) for name, one in listed(app).items()}
    assert set(places) == set(added)
    assert list(places.values()) == sorted(places.values())


def test_panels__a_command_without_one_is_refused() -> None:
    some = typer.Typer(cls=PanelGroup)
    some.command(rich_help_panel=Panel.SEARCH)(lambda: None)
    some.command(name="lost")(lambda: None)
    with pytest.raises(AssertionError, match="`lost` says no panel"):
        get_command(some)


def test_help__shows_the_headings() -> None:
    told = CliRunner().invoke(app, ["--help"]).stdout
    places = [told.index(f"─ {panel} ─") for panel in Panel]
    assert places == sorted(places)
    assert "─ Commands ─" not in told
