"""`mediacluster search`: one query on the screen, or many into a file."""

import csv
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.cells import cell_len, set_cell_size

from backend.cli.console import UUID_LENGTH, id_column, narrow_table, output, progress_bar, say
from backend.errors import FileUnreadable, InvalidQuery
from backend.features.search import (
    Answer,
    BatchAnswer,
    Hit,
    QueryEncoder,
    Searcher,
    SearchQuery,
    answer_all,
    list_queries,
)
from backend.features.services import Services
from backend.files.vector_tables import parquet_modules

_HIT_COLUMNS = (
    "media_id", "title", "location", "sim_image", "sim_text", "sim_caption", "calibrated_image", "calibrated_text",
    "calibrated_caption", "similarity", "combined", "stands_out", "nominated_by",
)  # fmt: skip
COLUMNS = ("query", "rank", *_HIT_COLUMNS, "method", "alpha", "verdict", "error")


def make_searcher(services: Services) -> Searcher:
    """The search over these services; models are loaded by the first query that needs them."""
    encoder = QueryEncoder(services.encoders_of, services.limits, services.decoders)
    return Searcher(services.database, encoder, services.settings.alpha)


def read_pictures(paths: list[Path]) -> tuple[bytes, ...]:
    """Raises FileUnreadable where one cannot be opened."""
    try:
        return tuple(path.read_bytes() for path in paths)
    except OSError as error:
        raise FileUnreadable(f"{error.filename} cannot be read: {error.strerror}.", hint="Check the path.") from error


def print_answer(answer: Answer) -> None:
    """The hits as a table that fits 80 columns, two lines a hit, and how they came about."""
    table = narrow_table(id_column("picture"), "sim_image", "sim_text", "combined", "legs")
    for hit in answer.hits:
        of_caption = hit.sim_caption is not None
        words = hit.caption if of_caption else ", ".join(word for word in (hit.title, hit.location) if word)
        table.add_row(
            f"{hit.media_id}\n{_in_short(words)}",
            _explained(hit.sim_caption, hit.calibrated_caption)
            if of_caption
            else _explained(hit.sim_image, hit.calibrated_image),
            _explained(hit.sim_text, hit.calibrated_text),
            f"{hit.combined:.4f}",
            " ".join(hit.nominated_by),
        )
    output.print(table)
    certified = "certified" if answer.certified else "not certified"
    say(f"{answer.method}, alpha {answer.alpha}, {certified}: {answer.verdict.replace('_', ' ')}")
    if answer.note:
        say(answer.note)
    if answer.next_cursor:
        say(f"more with --cursor {answer.next_cursor}")


def _explained(similarity: float | None, calibrated: float | None) -> str:
    """A cosine, and below it in brackets what it is worth against the background."""
    if similarity is None:
        return "-"
    return f"{similarity:.4f}" if calibrated is None else f"{similarity:.4f}\n({calibrated:.1f})"


def _in_short(words: str) -> str:
    """What fits below an id."""
    line = " ".join(words.split())
    return line if cell_len(line) <= UUID_LENGTH else f"{set_cell_size(line, UUID_LENGTH - 1).rstrip()}\u2026"


def run_batch(services: Services, source: Path, out: Path, shared: SearchQuery, *, quiet: bool) -> tuple[int, int]:
    """Answer every query of a file or folder into a .csv or .parquet file; returns how many, and how many failed.

    Raises:
        InvalidQuery: the name of the file says no known format.
        ConfigurationError: Parquet is asked for and its package is missing.
        FileUnreadable: the source cannot be read, or the result not be written.
    """
    parquet = parquet_modules() if out.suffix == ".parquet" else None
    if parquet is None and out.suffix != ".csv":
        raise InvalidQuery(
            f"{out} is neither a .csv nor a .parquet file.",
            hint="Use a file name that ends in .csv or .parquet.",
            field="out",
        )
    queries = list_queries(source)
    answers: list[BatchAnswer] = []
    with progress_bar("searching", len(queries), quiet=quiet) as show:
        for done, answer in enumerate(answer_all(make_searcher(services), queries, shared), start=1):
            answers.append(answer)
            show(done)
    rows = [row for answer in answers for row in _rows(answer)]
    try:
        _write_csv(out, rows) if parquet is None else _write_parquet(out, rows, *parquet)
    except OSError as error:
        raise FileUnreadable(f"{out} cannot be written: {error.strerror}.", hint="Choose another place.") from error
    return len(answers), sum(answer.error is not None for answer in answers)


def _rows(one: BatchAnswer) -> list[dict[str, Any]]:
    """A row per hit; a query without hits has one that says so."""
    shared: dict[str, Any] = dict.fromkeys(COLUMNS) | {"query": one.name}
    if one.answer is None:
        return [shared | {"error": one.error.code if one.error else None}]
    shared |= {"method": one.answer.method.value, "alpha": one.answer.alpha, "verdict": one.answer.verdict.value}
    return [shared | {"rank": rank} | _columns(hit) for rank, hit in enumerate(one.answer.hits, start=1)] or [shared]


def _columns(hit: Hit) -> dict[str, Any]:
    own = asdict(hit)
    columns = {name: own[name] for name in _HIT_COLUMNS}
    return columns | {"media_id": str(hit.media_id), "nominated_by": " ".join(hit.nominated_by)}


def _write_csv(out: Path, rows: Iterable[dict[str, Any]]) -> None:
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def _write_parquet(out: Path, rows: list[dict[str, Any]], arrow: Any, parquet: Any) -> None:
    kinds = dict.fromkeys(COLUMNS, arrow.float64()) | {"rank": arrow.int32(), "stands_out": arrow.bool_()}
    words = ("query", "media_id", "title", "location", "nominated_by", "method", "verdict", "error")
    schema = arrow.schema([(name, arrow.string() if name in words else kind) for name, kind in kinds.items()])
    parquet.write_table(arrow.Table.from_pylist(rows, schema=schema), out)
