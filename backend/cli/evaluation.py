"""`mediacluster evaluate`: quality of search and groups against labels."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from backend.cli.console import complain, console, narrow_table, output, print_json, say
from backend.cli.library import open_services
from backend.cli.panels import Panel
from backend.errors import FileUnreadable

if TYPE_CHECKING:
    from backend.features.evaluation import Gate, OnProgress

commands = typer.Typer()

_LABELS_SHOWN = 10
_STDOUT = Path("-")
EXIT_REGRESSION = 3


@commands.command(rich_help_panel=Panel.QUALITY_AND_MODEL)
def evaluate(
    labels: Annotated[
        str, typer.Option(help="folders, groups (a curator's), or a file: .csv, .jsonl or .json.")
    ] = "folders",
    column: Annotated[str, typer.Option(help="Column of the file that holds the label.")] = "label",
    space: Annotated[
        str | None, typer.Option(help="Evaluate this space instead of the active one (see `space list`).")
    ] = None,
    judgements: Annotated[
        bool,
        typer.Option("--judgements", help="Use curators' judgements of hits as the test set, instead of labels."),
    ] = False,
    words: Annotated[
        Path | None, typer.Option(help="JSON object of search texts by label, used instead of the label's name.")
    ] = None,
    k: Annotated[
        list[int] | None, typer.Option("-k", help="Number of hits to count, 1 to 100. Repeat for several.")
    ] = None,
    queries: Annotated[
        int, typer.Option(help="Largest number of queries per task; a random sample if there are more.")
    ] = 2_000,
    resamples: Annotated[int, typer.Option(help="Number of bootstrap resamples.")] = 1_000,
    seed: Annotated[int, typer.Option(help="Random seed. The same seed gives the same results.")] = 0,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the result to this file, or - for standard output.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write one HTML file with plots, maps, queries with their hits, and timings.")
    ] = None,
    gate: Annotated[
        Path | None, typer.Option(help="An earlier --json result. Exit with 3 if this one is significantly worse.")
    ] = None,
) -> None:
    """Measure search and groups against labels, with intervals, and try other alphas and thresholds. Changes nothing."""
    from backend.features.evaluation import JUDGEMENTS, Options, Source, compare, read_saved, write_report
    from backend.features.evaluation import evaluate as run

    options = Options(
        ks=tuple(sorted(set(k or (1, 5, 10)))), most_queries=queries, resamples=resamples, seed=seed
    ).checked()
    saved = None if gate is None else read_saved(gate)
    for path in (html, json_file):
        _require_writable(path)
    with open_services() as services, show_bars() as show:
        source = Source(JUDGEMENTS if judgements else labels, column, words)
        evaluation = run(services, source, options, show, space=space)
        document = evaluation.as_json()
        report = None if html is None else write_report(services, evaluation, show)
    if html is not None and report is not None:
        _save(html, report)
    if json_file is not None:
        _write(json_file, document)
    if json_file != _STDOUT:
        _print(document)
    if saved is not None and not _pass(compare(saved, document, options.bootstrap)):
        raise typer.Exit(EXIT_REGRESSION)


def _pass(gate: "Gate") -> bool:
    """Print what changed on standard error, because standard output holds the result. Returns whether nothing got worse."""
    for change in gate.changes:
        verdict = "worse" if change.is_regression else "better" if change.is_improvement else "no change beyond chance"
        complain(
            f"{change.task.replace('_', ' ')}: {change.measure} {change.before:.3f} before, {change.now:.3f} now, "
            f"{change.difference.value:+.3f} ({change.difference.low:+.3f} to {change.difference.high:+.3f}) "
            f"on {change.shared:,} queries: {verdict}"
        )
    for reason in gate.left_out:
        complain(f"not compared: {reason}")
    complain("gate passed" if gate.is_passed else "gate failed: worse than the saved evaluation")
    return gate.is_passed


def _require_writable(path: Path | None) -> None:
    """Check that a file can be written here, before minutes of work."""
    if path is None or path == _STDOUT:
        return
    if path.is_dir() or not path.parent.is_dir():
        raise FileUnreadable(f"{path} cannot be written.", hint="Name a file in an existing folder.")


def _write(path: Path, document: dict[str, Any]) -> None:
    if path == _STDOUT:
        print_json(document)
        return
    _save(path, json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def _save(path: Path, content: str) -> None:
    try:
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise FileUnreadable(f"{path} cannot be written: {error.strerror}.", hint="Choose another place.") from error


@contextmanager
def show_bars(*, quiet: bool = False) -> "Iterator[OnProgress]":
    """Progress bars, one per stage; `quiet` hides them."""
    if quiet:
        yield lambda _stage, _done, _total: None
        return
    columns = (TextColumn("{task.description:<16}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        stages: dict[str, Any] = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in stages:
                stages[stage] = progress.add_task(stage.replace("_", " "), total=total)
            progress.update(stages[stage], completed=done, total=total)

        yield show


def _print(document: dict[str, Any]) -> None:
    library, labels = document["library"], document["labels"]
    known = f"have one of {labels['labels']:,} labels (from {labels['origin']})"
    if document["grouping"] is None:
        known = f"were judged, as hits of {labels['labels']:,} queries"
    say(
        f"{labels['media']:,} of {library['media']:,} pictures {known}; "
        f"alpha {library['alpha']:g}, threshold {library['threshold']:g}"
    )
    if labels["unknown"]:
        complain(f"{labels['unknown']:,} labelled pictures are not in this library or have no group yet")
    _print_retrieval(document)
    _print_worst(document)
    _print_verdict(document)
    _print_groupings(document)
    _print_best(document)
    for note in document["notes"]:
        complain(note)


def _print_retrieval(document: dict[str, Any]) -> None:
    tasks = document["retrieval"]
    if not tasks:
        return
    depth = document["headline"].partition("@")[2]
    names = [f"precision@{depth}", f"recall@{depth}", document["headline"], "reciprocal_rank"]
    table = narrow_table("finding", f"P@{depth}", f"R@{depth}", f"nDCG@{depth}", "MRR", "wrong by")
    for name, task in tasks.items():
        queries = f"{task['queries']:,} queries" + ("*" if task["drawn"] else "")
        cells = (_below(task["measures"][one]) for one in names)
        table.add_row(f"{name.replace('_', ' ')}\n{queries}", *cells, _describe_faults(task["faults"]))
    output.print(table)
    if any(task["drawn"] for task in tasks.values()):
        say("* drawn by the seed; --queries asks more")


def _print_worst(document: dict[str, Any]) -> None:
    """Print the labels with the worst results, by the task that people use most."""
    name = next((one for one in ("hybrid", "media_to_media") if one in document["retrieval"]), None)
    if name is None:
        return
    headline = document["headline"]
    labels = document["retrieval"][name]["labels"].items()
    ranked = sorted(labels, key=lambda one: (one[1]["measures"][headline]["value"], one[0]))
    worst = [one for one in ranked if one[1]["measures"][headline]["value"] < 1][:_LABELS_SHOWN]
    if not worst:
        return
    table = narrow_table(f"worst labels, {name.replace('_', ' ')}", "queries", headline, "wrong by")
    for label, found in worst:
        interval = _with_interval(found["measures"][headline])
        table.add_row(label, f"{found['queries']:,}", interval, _describe_faults(found["faults"]))
    output.print(table)


def _print_verdict(document: dict[str, Any]) -> None:
    """Print how far `relevant` can be believed."""
    libraries = {"as it is": "as_it_is", "30 % share a text": "sharing_a_text"}
    found = {name: (document["verdict"] or {}).get(key) for name, key in libraries.items()}
    if not any(found.values()):
        return
    table = narrow_table("verdict, library", "precision", "recall", "hits: precision", "recall")
    for name, measures in found.items():
        if measures is not None:
            cells = (_below(measures[one]) for one in ("precision", "recall", "hits_precision", "hits_recall"))
            table.add_row(f"{name}\n{2 * measures['queries']:,} queries", *cells)
    output.print(table)


def _print_groupings(document: dict[str, Any]) -> None:
    grouping = document["grouping"]
    if grouping is None:
        return
    table = narrow_table("grouping", "groups", "alone", "adj. Rand", "NMI", "purity", "silh.")
    for one in grouping["groupings"]:
        measures = one["measures"]
        names = ("adjusted_rand_index", "normalized_mutual_information", "purity", "silhouette")
        cells = (_below(measures[name]) if measures[name] else "-" for name in names)
        table.add_row(one["name"].replace("_", " "), f"{one['groups']:,}", f"{one['alone']:,}", *cells)
    output.print(table)
    if grouping["drawn"]:
        say(f"groups are compared on {grouping['media']:,} labelled pictures, drawn by the seed")


def _describe_faults(faults: dict[str, int] | None) -> str:
    counted = {fault.replace("_", " "): count for fault, count in (faults or {}).items() if count}
    return ", ".join(f"{fault} {count:,}" for fault, count in counted.items()) or "-"


def _print_best(document: dict[str, Any]) -> None:
    for name, sweep in document["alpha"].items():
        say(f"best alpha for {name.replace('_', ' ')}: {_describe_best(sweep)}")
    if document["threshold"] is not None:
        say(f"best threshold: {_describe_best(document['threshold'])}")


def _describe_best(sweep: dict[str, Any]) -> str:
    best = sweep["best"]
    key = "alpha" if "alpha" in sweep["points"][0] else "threshold"
    point = next(one for one in sweep["points"] if one[key] == best["value"])
    measure = sweep["measure"].replace("_", " ")
    good = best["as_good"]
    return (
        f"{best['value']:g}, {measure} {_with_interval(point)}; best in {best['confidence']:.0%} of resamples, "
        f"{min(good):g} to {max(good):g} are as good"
    )


def _with_interval(interval: dict[str, float]) -> str:
    return f"{interval['value']:.3f} ({interval['low']:.3f}-{interval['high']:.3f})"


def _below(interval: dict[str, float]) -> str:
    """An interval on a line below its value, so that tables fit 80 columns."""
    return f"{interval['value']:.3f}\n{interval['low']:.2f}-{interval['high']:.2f}"
