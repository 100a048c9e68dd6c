"""`mediacluster import-embeddings` and `mediacluster export`: import and export of vectors, and export of sidecars."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from backend.cli.console import measured_bar, print_json, say, stepping_bar
from backend.cli.library import open_services
from backend.cli.options import Json
from backend.cli.panels import Panel

if TYPE_CHECKING:
    from backend.features.transfer import EmbeddingsReport, SidecarsReport

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
    file: Annotated[
        Path | None, typer.Argument(help="The .npz, .parquet, .json or .jsonl file to write.", show_default=False)
    ] = None,
    xmp: Annotated[
        Path | None, typer.Option(help="Write XMP sidecars into this folder, with the folders of the pictures.")
    ] = None,
    beside: Annotated[
        bool, typer.Option("--beside", help="Write XMP sidecars beside the pictures, where they were imported from.")
    ] = False,
    xmp_names: Annotated[
        Literal["full", "stem"],
        typer.Option(help="full: A.jpg.xmp. stem: A.xmp for raw pictures, as Lightroom reads them."),
    ] = "full",
    label_as_keyword: Annotated[
        bool, typer.Option("--label-as-keyword", help="In sidecars, make the label of the group a keyword too.")
    ] = False,
    precision: Annotated[Literal["float32", "float16"], typer.Option(help="Precision of the vectors.")] = "float32",
    cluster: Annotated[list[int] | None, typer.Option(help="Only pictures of this group. Repeat for several.")] = None,
    keyword: Annotated[
        list[str] | None, typer.Option(help="Only pictures with this keyword. Repeat for several.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show which sidecars would be written, without writing any.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Export ready pictures with text, groups and vectors, for use without a server; or their words and groups as sidecars.

    A sidecar that another program wrote or changed is never touched.
    """
    from backend.cli.library import note, open_database
    from backend.features.transfer import SidecarNames, export_sidecars
    from backend.features.transfer import export as run
    from backend.moments import zone_of
    from backend.settings import load_settings
    from backend.store.access import Act

    if (file is not None) + (xmp is not None) + beside != 1:
        raise typer.BadParameter("name a file, or a folder with --xmp, or use --beside")
    if file is not None and (dry_run or label_as_keyword or xmp_names != "full"):
        raise typer.BadParameter("--dry-run, --xmp-names and --label-as-keyword are for sidecars")
    settings = load_settings()
    with open_database(settings) as database, measured_bar("exporting", quiet=as_json) as show:
        if file is not None:
            report = run(
                database, file, precision=precision, clusters=cluster or (), keywords=keyword or (), on_progress=show
            )
            note(database, Act.LIBRARY_EXPORTED, report.place, media=report.media)
        else:
            sidecars = export_sidecars(
                database,
                xmp,
                zone=zone_of(settings.time_zone),
                names=SidecarNames(xmp_names),
                group_as_keyword=label_as_keyword,
                clusters=cluster or (),
                keywords=keyword or (),
                dry_run=dry_run,
                on_progress=show,
            )
            if not dry_run:
                note(database, Act.LIBRARY_EXPORTED, str(xmp or "beside the originals"), sidecars=sidecars.written)
    if file is not None:
        if as_json:
            print_json(asdict(report))
        else:
            say(f"{report.media} pictures in {report.place} ({report.byte_size:,} bytes)")
        return
    if as_json:
        print_json(asdict(sidecars))
    else:
        _say_sidecars(sidecars)
    if sidecars.failed:
        raise typer.Exit(1)


def _say_sidecars(report: "SidecarsReport") -> None:
    counts = f"{report.written} new, {report.updated} updated, {report.unchanged} unchanged"
    say(f"{counts}{', nothing written: this is a dry run' if report.dry_run else ''}")
    if report.starts_at:
        say(f"{report.place} stands for {report.starts_at}")
    told = {
        "without words or a named group": report.empty,
        "left as they are, since another program wrote or changed them": report.foreign,
        "of pictures with the path of another, under a name of their own": report.renamed,
        "of pictures that were uploaded, moved or changed": report.unknown_place,
        "could not be written": report.failed,
    }
    for why, count in told.items():
        if count:
            say(f"{count} {why}")
    for warning in report.warnings:
        say(f"  {warning.path}: {warning.code}: {warning.detail}")
    if len(report.warnings) == report.MOST_WARNINGS:
        say("  and perhaps more")
