"""`mediacluster judgements`: curators' judgements of hits."""

import sys
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from backend.cli.console import Table, id_column, output, print_json, say, shown
from backend.cli.library import open_services
from backend.cli.options import Raw
from backend.cli.panels import Panel
from backend.cli.tables import write_csv

commands = typer.Typer()

_SHOWN = 50


@dataclass(frozen=True)
class _Row:
    query_kind: str
    query: str
    media_id: str
    verdict: str
    actor: str
    judged_at: str


@commands.command(rich_help_panel=Panel.QUALITY_AND_MODEL)
def judgements(
    as_csv: Annotated[bool, typer.Option("--csv", help="Print all of them as CSV on standard output.")] = False,
    raw: Raw = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array on standard output.")] = False,
) -> None:
    """List curators' judgements of hits, the test set of `mediacluster evaluate --judgements`."""
    from backend.store.review import QueryKind, describe_query, list_judgements

    with open_services() as services, services.database.transaction() as session:
        rows = [
            _Row(
                one.query_kind,
                one.query,
                str(one.media_id),
                "right" if one.is_right else "wrong",
                one.actor,
                one.judged_at.isoformat(),
            )
            for one in list_judgements(session)
        ]
    records: list[dict[str, Any]] = [vars(one) for one in rows]
    if as_json:
        print_json(records)
    elif as_csv:
        # What others typed neither runs in a spreadsheet nor commands the terminal that this is printed on.
        safe = records if raw else [{name: shown(value) for name, value in record.items()} for record in records]
        write_csv(sys.stdout, list(_Row.__dataclass_fields__), safe, raw=raw)
    else:
        table = Table("query", id_column("picture"), "verdict", "by")
        for one in rows[:_SHOWN]:
            table.add_row(describe_query(QueryKind(one.query_kind), one.query), one.media_id, one.verdict, one.actor)
        output.print(table)
        queries = len({(one.query_kind, one.query) for one in rows})
        say(
            f"{len(rows):,} judgements of {queries:,} queries"
            + (f", the first {_SHOWN} shown" if len(rows) > _SHOWN else "")
        )
