"""`mediacluster audit-log`: actions of admins."""

from typing import Annotated, Any

import typer

from backend.bounds import LISTED
from backend.cli.console import print_json, say
from backend.cli.library import open_database
from backend.cli.options import Json
from backend.cli.panels import Panel

commands = typer.Typer()


@commands.command(name="audit-log", rich_help_panel=Panel.ACCESS)
def audit_log(
    limit: Annotated[int, typer.Option(min=LISTED.low, max=LISTED.high, help="Number of entries, newest first.")] = 50,
    act: Annotated[
        str | None, typer.Option(help="Only entries of this kind, such as `login` or `key.revoked`.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what admins did, when and from where."""
    from backend.store.access import list_acts

    with open_database() as database, database.transaction() as session:
        entries = [_describe(entry) for entry in list_acts(session, limit=limit, act=act)]
    if as_json:
        print_json({"entries": entries})
        return
    for one in entries:
        details = " ".join(f"{name}={value}" for name, value in one["details"].items())
        words = (one["actor"], one["act"], one["subject"], f"from {one['address']}", details)
        say(f"{one['recorded_at']:%Y-%m-%d %H:%M:%S}  {'  '.join(word for word in words if word)}")


def _describe(entry: Any) -> dict[str, Any]:
    names = ("id", "recorded_at", "actor", "act", "subject", "details", "address")
    return {name: getattr(entry, name) for name in names}
