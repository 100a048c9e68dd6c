"""The order of the commands in `mediacluster --help`: by what somebody wants to do."""

from typing import Any, Final

from typer.core import TyperGroup

PANELS: Final = {
    "Begin": ("demo", "up", "status", "doctor"),
    "Import and export": ("import", "import-embeddings", "export"),
    "Search": ("search", "similar"),
    "Groups": ("cluster", "media", "history", "label", "threshold", "consolidate"),
    "Curation": ("review", "decide", "duplicates", "keep", "copies"),
    "Quality and model": ("evaluate", "judgements", "suggest", "measure", "optimize", "space"),
    "Processes": ("serve", "worker", "beat", "stop", "pause", "resume", "retry"),
    "Safekeeping": ("backup", "restore", "audit", "repair", "db"),
    "Access": ("account", "login-link", "key", "audit-log"),
}


class PanelGroup(TyperGroup):
    """Commands under the headings of PANELS, in their order; any that is not in there stands above them."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        for panel, names in PANELS.items():
            for name in names:
                command = self.commands.pop(name)
                command.rich_help_panel = panel  # type: ignore[attr-defined]  # Typer gives all its commands one
                self.commands[name] = command
