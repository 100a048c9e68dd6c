"""`mediacluster import-embeddings` and `mediacluster export`: import and export of vectors."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from backend.cli.console import measured_bar, print_json, say, stepping_bar
from backend.cli.library import open_services
from backend.cli.options import Json
from backend.cli.panels import Panel

if TYPE_CHECKING:
    from backend.features.transfer import EmbeddingsReport

commands = typer.Typer()


@commands.command(name="import-embeddings", rich_help_panel=Panel.IMPORT_AND_EXPORT)
def import_embeddings(
    file: Annotated[Path, typer.Argument(help="A .npz, .parquet, .json or .jsonl file of paths and vectors.")],
    pictures: Annotated[
        Path | None, typer.Option(help="The folder that paths are relative to. Default: the folder of the file.")
    ] = None,
    vectors_only: Annotated[
        bool, typer.Option("--vectors-only", help="Import only the vectors, without the picture files.")
    ] = False,
    skip_invalid: Annotated[
        bool, typer.Option("--skip-invalid", help="Import the valid rows and skip the others.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Import embeddings that were made elsewhere, with their pictures if found, and group them.

    Every row is checked first. If one is wrong, nothing is imported.
    """
    from backend.cli.servers import prepare_database
    from backend.features.transfer import import_embeddings as run
    from backend.settings import load_settings

    prepare_database(load_settings())
    with open_services() as services, stepping_bar(quiet=as_json) as show:
        report = run(
            services,
            file,
            pictures=pictures,
            look_for_pictures=not vectors_only,
            skip_invalid=skip_invalid,
            on_progress=show,
        )
    if as_json:
        print_json(asdict(report))
    else:
        _say_import(report)
    if report.failed and not (skip_invalid and report.new + report.duplicates):
        raise typer.Exit(1)


def _say_import(report: "EmbeddingsReport") -> None:
    say(
        f"{report.new} new ({report.with_original} with their picture), {report.duplicates} "
        f"already stored, {report.failed} refused, {report.assigned} grouped"
    )
    for failure in report.failures:
        say(f"  row {failure.row} ({failure.name}): {failure.code}: {failure.detail}")
    if report.failed > len(report.failures):
        say(f"  and {report.failed - len(report.failures)} more")
    for warning in report.warnings:
        say(f"  warning: row {warning.row} ({warning.name}): {warning.code}: {warning.detail}")
    if report.warned > len(report.warnings):
        say(f"  and {report.warned - len(report.warnings)} more warnings")
    if report.failed and not report.new + report.duplicates:
        say("Nothing was imported. Correct the rows, or skip them with --skip-invalid.")


@commands.command(rich_help_panel=Panel.IMPORT_AND_EXPORT)
def export(
    file: Annotated[Path, typer.Argument(help="The .npz, .parquet, .json or .jsonl file to write.")],
    precision: Annotated[Literal["float32", "float16"], typer.Option(help="Precision of the vectors.")] = "float32",
    cluster: Annotated[list[int] | None, typer.Option(help="Only pictures of this group. Repeat for several.")] = None,
    keyword: Annotated[
        list[str] | None, typer.Option(help="Only pictures with this keyword. Repeat for several.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Export ready pictures with text, groups and vectors, for use without a server."""
    from backend.bootstrap import open_database
    from backend.cli.library import note
    from backend.features.transfer import export as run
    from backend.settings import load_settings
    from backend.store.access import Act

    database = open_database(load_settings())
    try:
        with measured_bar("exporting", quiet=as_json) as show:
            report = run(
                database, file, precision=precision, clusters=cluster or (), keywords=keyword or (), on_progress=show
            )
        note(database, Act.LIBRARY_EXPORTED, report.place, media=report.media)
    finally:
        database.dispose()
    if as_json:
        print_json(asdict(report))
    else:
        say(f"{report.media} pictures in {report.place} ({report.byte_size:,} bytes)")
