"""The command line: `mediacluster COMMAND`. Its modules parse arguments, call `backend.features`, and print."""

import logging
import sys
from importlib.metadata import version
from typing import Annotated, NoReturn

import typer

from backend.cli import (
    accounts,
    audit_log,
    backup,
    consolidation,
    copies,
    database,
    demo,
    duplicates,
    editing,
    evaluation,
    intake,
    integrity,
    judgements,
    keys,
    login,
    measurement,
    model_change,
    naming,
    operations,
    optimize,
    processes,
    refresh,
    review,
    search,
    status,
    suggestion,
    transfer,
)
from backend.cli.closing import begin
from backend.cli.console import complain, say
from backend.cli.panels import PanelGroup
from backend.errors import MediaclusterError
from backend.logs import TextFormatter
from backend.settings import forbid_writing_by_all

# Each module has `commands`, with their panels. Heavy imports are left to the command that needs them, so that
# `mediacluster --help` answers at once. Within a panel, the help keeps this order.
FEATURES = (
    demo, processes, status, operations,
    intake, refresh, transfer, search,
    editing, naming, consolidation, review, duplicates, copies,
    evaluation, judgements, suggestion, measurement, optimize, model_change,
    backup, integrity, database,
    accounts, login, keys, audit_log,
)  # fmt: skip

app = typer.Typer(
    name="mediacluster",
    cls=PanelGroup,
    help="Embed, group and recommend pictures.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)
for feature in FEATURES:
    app.add_typer(feature.commands)


def _print_version(asked: bool) -> None:
    if asked:
        say(f"mediacluster {version('mediacluster')}")
        raise typer.Exit


@app.callback()
def _begin(
    context: typer.Context,
    asked_version: Annotated[  # noqa: ARG001 - its callback answers
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit.")
    ] = False,
) -> None:
    context.call_on_close(begin().close)


def main() -> NoReturn:
    """Run the command line. An expected error prints one readable line and exits with 1."""
    forbid_writing_by_all()
    handler = logging.StreamHandler()
    handler.setFormatter(TextFormatter(template="%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    try:
        app()
    except MediaclusterError as error:
        complain(f"{error.code}: {error.full_detail}", multiline=True)
        if error.hint:
            complain(f"  {error.hint}")
        sys.exit(1)
    sys.exit(0)


if __name__ == "__main__":
    main()
