"""The order of `mediacluster --help`, by task. Each command names its panel where it is defined."""

from enum import StrEnum
from typing import Any

from typer.core import TyperGroup


class Panel(StrEnum):
    """The headings, in order."""

    BEGIN = "Begin"
    IMPORT_AND_EXPORT = "Import and export"
    SEARCH = "Search"
    GROUPS = "Groups"
    CURATION = "Curation"
    QUALITY_AND_MODEL = "Quality and model"
    PROCESSES = "Processes"
    SAFEKEEPING = "Safekeeping"
    ACCESS = "Access"


class PanelGroup(TyperGroup):
    """Commands sorted by panel, and within a panel in the order of their definition."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.commands = dict(sorted(self.commands.items(), key=lambda named: _place(*named)))


def _place(name: str, command: Any) -> int:
    panel = command.rich_help_panel
    assert isinstance(panel, Panel), f"`{name}` says no panel of the help: rich_help_panel=Panel..."
    return list(Panel).index(panel)
