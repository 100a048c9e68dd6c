"""Options shared by several commands."""

from typing import Annotated

import typer

from backend.bounds import LISTED

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change without changing anything.")]
Raw = Annotated[
    bool,
    typer.Option("--raw", help="CSV for programs: without the apostrophe that keeps spreadsheets from running a text."),
]
Limit = Annotated[int, typer.Option(min=LISTED.low, max=LISTED.high, help="Largest number to show.")]
