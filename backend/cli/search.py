"""`mediacluster search` and `similar`: one query on the screen, or many into a file."""

import json
import uuid
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.cells import cell_len, set_cell_size

from backend.bounds import ALPHA, SIMILAR
from backend.cli.closing import closing
from backend.cli.console import UUID_LENGTH, id_column, narrow_table, output, print_json, progress_bar, say
from backend.cli.options import Json, Raw
from backend.cli.panels import Panel
from backend.cli.tables import write_csv
from backend.errors import FileUnreadable, InvalidQuery
from backend.settings import Settings, load_settings

if TYPE_CHECKING:
    from backend.features.search import Answer, BatchAnswer, Hit, Searcher, SearchQuery
    from backend.features.services import Services

commands = typer.Typer()

# The first search after a start waits until the encoders are loaded.
_ANSWER_SECONDS = 120.0

_HIT_COLUMNS = (
    "media_id", "title", "location", "sim_image", "sim_text", "sim_caption", "calibrated_image", "calibrated_text",
    "calibrated_caption", "similarity", "combined", "stands_out", "nominated_by",
)  # fmt: skip
COLUMNS = ("query", "rank", *_HIT_COLUMNS, "method", "alpha", "verdict", "error")


@commands.command(rich_help_panel=Panel.SEARCH)
def search(
    words: Annotated[str, typer.Argument(help="Text to search for, in quotes.")] = "",
    image: Annotated[
        list[Path] | None, typer.Option(help="A picture file that hits should resemble. Repeat for several.")
    ] = None,
    media: Annotated[
        list[uuid.UUID] | None,
        typer.Option(help="Id of a stored picture that hits should resemble. Repeat for several."),
    ] = None,
    unlike: Annotated[
        list[uuid.UUID] | None,
        typer.Option("--not", help="Id of a stored picture that hits should not resemble. Repeat for several."),
    ] = None,
    not_words: Annotated[list[str] | None, typer.Option(help="Text to avoid. Repeat for several.")] = None,
    find: Annotated[
        Literal["media", "captions"], typer.Option(help="`captions` finds the captions nearest to a picture.")
    ] = "media",
    k: Annotated[int, typer.Option("-k", help="Number of results, 1 to 500.")] = 10,
    alpha: Annotated[float | None, typer.Option(help="Weight of the image similarity, 0 to 1.")] = None,
    method: Annotated[
        Literal["raw", "calibrated", "rrf"] | None, typer.Option(help="How image and text similarity are combined.")
    ] = None,
    min_similarity: Annotated[float | None, typer.Option(help="Smallest weighted cosine of a hit.")] = None,
    diversity: Annotated[float, typer.Option(help="0 ranks by relevance only, 1 by difference only.")] = 0.0,
    order_by: Annotated[
        Literal["relevance", "taken_newest", "taken_oldest"],
        typer.Option(help="By relevance, or by date: the hits that stand out, or those that reach --min-similarity."),
    ] = "relevance",
    effort: Annotated[Literal["fast", "certified", "exact"], typer.Option(help="How thoroughly to search.")] = "fast",
    cluster: Annotated[list[int] | None, typer.Option(help="Only pictures in this group. Repeat for several.")] = None,
    keyword_any: Annotated[list[str] | None, typer.Option(help="Only pictures with one of these keywords.")] = None,
    keyword_all: Annotated[list[str] | None, typer.Option(help="Only pictures with all of these keywords.")] = None,
    taken_from: Annotated[
        str, typer.Option(help="Only pictures taken then or later: a year, month, day or time, such as 2015-06-06.")
    ] = "",
    taken_until: Annotated[
        str, typer.Option(help="Only pictures taken then or earlier. A year, month or day counts to its end.")
    ] = "",
    location: Annotated[str, typer.Option(help="Only pictures whose location contains this.")] = "",
    mime: Annotated[list[str] | None, typer.Option(help="Only pictures of this type, such as image/jpeg.")] = None,
    source: Annotated[
        list[str] | None, typer.Option(help="Only pictures from this source: upload, import, url or embeddings.")
    ] = None,
    cursor: Annotated[str | None, typer.Option(help="Cursor that the previous page printed.")] = None,
    batch: Annotated[Path | None, typer.Option(help="A file with one query per line, or a folder of pictures.")] = None,
    out: Annotated[Path | None, typer.Option(help="With --batch: the .csv or .parquet file to write.")] = None,
    raw: Raw = False,
    as_json: Json = False,
) -> None:
    """Search by text, picture files and stored pictures, alone or combined. Run many queries with --batch."""
    from backend.rules.dates import read_begin, read_end

    if (batch is None) != (out is None):
        raise typer.BadParameter("--batch and --out must be used together")
    filters: dict[str, Any] = {
        "cluster_ids": tuple(cluster or ()),
        "keywords_any": tuple(keyword_any or ()),
        "keywords_all": tuple(keyword_all or ()),
        "taken_from": read_begin(taken_from, "taken_from"),
        "taken_until": read_end(taken_until, "taken_until"),
        "location": location,
        "mime": tuple(mime or ()),
        "source": tuple(source or ()),
    }
    asked: dict[str, Any] = {
        "words": words,
        "not_words": tuple(not_words or ()),
        "media_ids": tuple(media or ()),
        "not_media_ids": tuple(unlike or ()),
        "find": find,
        "k": k,
        "alpha": alpha,
        "method": method,
        "order_by": order_by,
        "min_similarity": min_similarity,
        "diversity": diversity,
        "effort": effort,
        "cursor": cursor,
    }
    settings, pictures = load_settings(), _read_pictures(image or [])
    answer = _ask_service(settings, asked | {"filters": filters}, pictures) if batch is None else None
    if answer is not None:
        if as_json:
            print_json(answer)
        else:
            _print_answer(_as_answer(answer), with_dates=order_by != "relevance")
        return
    from backend.features.search import make_query
    from backend.rules.search import Filters

    query = make_query(**asked, filters=Filters(**filters), pictures=pictures)
    services = closing(open_searching(settings))
    if batch is not None and out is not None:
        answered, failed = _run_batch(services, batch, out, query, raw=raw, quiet=as_json)
        if as_json:
            print_json({"queries": answered, "failed": failed, "out": str(out)})
        else:
            say(f"wrote the results of {answered} queries to {out}; {failed} of them failed")
        return
    found = _make_searcher(services).search(query)
    if as_json:
        printed = asdict(found)
        for hit in printed["hits"]:
            hit["taken_at"] = hit["taken_at"] and hit["taken_at"].isoformat().replace("+00:00", "Z")
        print_json(printed)
    else:
        _print_answer(found, with_dates=order_by != "relevance")


@commands.command(rich_help_panel=Panel.SEARCH)
def similar(
    media_id: Annotated[uuid.UUID, typer.Argument(help="Id of a stored picture.")],
    k: Annotated[int, typer.Option("-k", min=SIMILAR.low, max=SIMILAR.high, help="Number of results.")] = 3,
    alpha: Annotated[
        float | None, typer.Option(min=ALPHA.low, max=ALPHA.high, help="Weight of the image similarity, 0 to 1.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the pictures most similar to one, by alpha * sim_image + (1 - alpha) * sim_text."""
    from backend.features.search import recommend

    services = closing(open_searching(load_settings()))
    weight = services.read_alpha() if alpha is None else alpha
    with services.database.transaction() as session:
        results = recommend(session, media_id, k, weight, services.vectors)
    if as_json:
        print_json({"media_id": media_id, "alpha": weight, "results": [asdict(result) for result in results]})
        return
    for result in results:
        words = "  none" if result.sim_text is None else f"{result.sim_text:6.3f}"
        name = ", ".join(part for part in (result.shown_title, result.location) if part)
        say(f"{result.combined:6.3f}  image {result.sim_image:6.3f}  text {words}  {result.media_id}  {name}")


def _ask_service(settings: Settings, query: dict[str, Any], pictures: tuple[bytes, ...]) -> dict[str, Any] | None:
    """The answer of the vector service of this host, which has all that a search needs in memory. None if none answers for this library.

    Raises:
        MediaclusterError: what the search raises.
    """
    from backend.bootstrap import link_vector_service
    from backend.errors import error_kinds
    from backend.vector_protocol import AnswerReply, Refused, SearchRequest, ServiceAway

    link = link_vector_service(settings)
    if link is None or not link.is_up:
        return None
    sizes = tuple(map(len, pictures))
    try:
        plain = json.loads(json.dumps(query, default=str))
        request = SearchRequest(library=settings.library_digest, query=plain, pictures=sizes)
        reply, body = link.ask(request, pictures, seconds=_ANSWER_SECONDS)
    except (ServiceAway, ValueError):
        return None
    finally:
        link.close()
    if isinstance(reply, Refused) and reply.code in error_kinds():
        raise error_kinds()[reply.code](reply.detail, hint=reply.hint)
    answer: dict[str, Any] | None = json.loads(body) if isinstance(reply, AnswerReply) else None
    return answer


def _as_answer(answer: dict[str, Any]) -> Any:
    """An answer in JSON as an object with the attributes of `Answer`."""
    hits = [
        SimpleNamespace(**hit | {"taken_at": hit["taken_at"] and datetime.fromisoformat(hit["taken_at"])})
        for hit in answer["hits"]
    ]
    return SimpleNamespace(**answer | {"hits": hits})


def open_searching(settings: Settings) -> "Services":
    """The services of a few queries: they ask the vector service of the host if it runs, and load no vectors themselves."""
    from backend.bootstrap import build_services

    return build_services(settings.model_copy(update={"search_memory_bytes": 0}), rings=False)


def _make_searcher(services: "Services") -> "Searcher":
    """The search service. Models are loaded by the first query that needs them."""
    from backend.features.search import QueryEncoder, Searcher

    encoder = QueryEncoder(services.query_encoders, services.limits, services.decoders)
    return Searcher(services.database, encoder, services.settings.alpha, services.vectors)


def _read_pictures(paths: list[Path]) -> tuple[bytes, ...]:
    """Read picture files. Raises FileUnreadable."""
    try:
        return tuple(path.read_bytes() for path in paths)
    except OSError as error:
        raise FileUnreadable(f"{error.filename} cannot be read: {error.strerror}.", hint="Check the path.") from error


def _print_answer(answer: "Answer", *, with_dates: bool) -> None:
    """Print the hits as a table of two lines per hit that fits 80 columns, and how they were found."""
    table = narrow_table(id_column("picture"), "sim_image", "sim_text", "combined", "legs")
    for hit in answer.hits:
        of_caption = hit.sim_caption is not None
        words = hit.caption if of_caption else ", ".join(word for word in (hit.shown_title, hit.location) if word)
        words = f"{_in_days(hit)} {words}" if with_dates else words
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
    for media_id in answer.known_media_ids:
        say(f"in the library already: {media_id}")
    if answer.note:
        say(answer.note)
    if answer.next_cursor:
        say(f"more with --cursor {answer.next_cursor}")


def _in_days(hit: "Hit") -> str:
    """When a hit was taken, to the day, or to the month or year if no more is known."""
    if hit.taken_at is None:
        return "no date"
    return hit.taken_at.isoformat()[: {"year": 4, "month": 7}.get(hit.taken_at_precision, 10)]


def _explained(similarity: float | None, calibrated: float | None) -> str:
    """A cosine, with its calibrated value in brackets below."""
    if similarity is None:
        return "-"
    return f"{similarity:.4f}" if calibrated is None else f"{similarity:.4f}\n({calibrated:.1f})"


def _in_short(words: str) -> str:
    """Shorten a text to the width of an id."""
    line = " ".join(words.split())
    return line if cell_len(line) <= UUID_LENGTH else f"{set_cell_size(line, UUID_LENGTH - 1).rstrip()}\u2026"


def _run_batch(
    services: "Services", source: Path, out: Path, shared: "SearchQuery", *, raw: bool, quiet: bool
) -> tuple[int, int]:
    """Run every query of a file or folder into a .csv or .parquet file. Returns the numbers of queries and of failed ones.

    Raises:
        InvalidQuery: the file name has no known extension.
        ConfigurationError: the package for Parquet is missing.
        FileUnreadable: the source cannot be read, or the result cannot be written.
    """
    from backend.features.search import answer_all, list_queries
    from backend.files.vector_tables import parquet_modules

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
        for done, answer in enumerate(answer_all(_make_searcher(services), queries, shared), start=1):
            answers.append(answer)
            show(done)
    rows = [row for answer in answers for row in _rows(answer)]
    try:
        _write_csv(out, rows, raw=raw) if parquet is None else _write_parquet(out, rows, *parquet)
    except OSError as error:
        raise FileUnreadable(f"{out} cannot be written: {error.strerror}.", hint="Choose another place.") from error
    return len(answers), sum(answer.error is not None for answer in answers)


def _rows(one: "BatchAnswer") -> list[dict[str, Any]]:
    """One row per hit, or a single row for a query without hits."""
    shared: dict[str, Any] = dict.fromkeys(COLUMNS) | {"query": one.name}
    if one.answer is None:
        return [shared | {"error": one.error.code if one.error else None}]
    shared |= {"method": one.answer.method.value, "alpha": one.answer.alpha, "verdict": one.answer.verdict.value}
    return [shared | {"rank": rank} | _columns(hit) for rank, hit in enumerate(one.answer.hits, start=1)] or [shared]


def _columns(hit: "Hit") -> dict[str, Any]:
    own = asdict(hit)
    columns = {name: own[name] for name in _HIT_COLUMNS}
    return columns | {"media_id": str(hit.media_id), "nominated_by": " ".join(hit.nominated_by)}


def _write_csv(out: Path, rows: Iterable[dict[str, Any]], *, raw: bool) -> None:
    with out.open("w", encoding="utf-8", newline="") as file:
        write_csv(file, COLUMNS, rows, raw=raw)


def _write_parquet(out: Path, rows: list[dict[str, Any]], arrow: Any, parquet: Any) -> None:
    kinds = dict.fromkeys(COLUMNS, arrow.float64()) | {"rank": arrow.int32(), "stands_out": arrow.bool_()}
    words = ("query", "media_id", "title", "location", "nominated_by", "method", "verdict", "error")
    schema = arrow.schema([(name, arrow.string() if name in words else kind) for name, kind in kinds.items()])
    parquet.write_table(arrow.Table.from_pylist(rows, schema=schema), out)
