"""`mediacluster copies`: exact copies of stored files that were sent."""

from dataclasses import asdict

import typer

from backend.cli.console import Table, id_column, output, print_json
from backend.cli.library import open_services
from backend.cli.options import Json, Limit
from backend.cli.panels import Panel

commands = typer.Typer()


@commands.command(rich_help_panel=Panel.CURATION)
def copies(limit: Limit = 50, as_json: Json = False) -> None:
    """List exact copies: files that were sent again, and from where."""
    from backend.store.media import list_exact_copies

    with open_services() as services, services.database.transaction() as session:
        found = list_exact_copies(session, limit=limit)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    table = Table(id_column("picture"), "came first", "came again", "times", "last")
    for one in found:
        first, again = f"{one.media_source} {one.media_source_uri or ''}", f"{one.source} {one.source_uri}"
        table.add_row(str(one.media_id), first, again, str(one.times_sent), f"{one.last_sent_at:%Y-%m-%d %H:%M}")
    output.print(table)
