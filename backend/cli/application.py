"""The command line: `mediacluster COMMAND`. It parses, calls the packages in the middle, and prints."""

import logging
import os
import sys
import uuid
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer

from backend.bounds import ALPHA, SIMILAR
from backend.cli.accounts import account_app
from backend.cli.accounts import register as register_accounts
from backend.cli.closing import begin, closing
from backend.cli.console import complain, console, print_json, say
from backend.cli.consolidation import register as register_consolidation
from backend.cli.editing import cluster_app, history_app, media_app
from backend.cli.evaluation import register as register_evaluation
from backend.cli.integrity import register as register_keeping
from backend.cli.judgements import register as register_judgements
from backend.cli.keys import key_app
from backend.cli.measurement import register as register_measuring
from backend.cli.model_change import space_app
from backend.cli.optimize import register as register_optimizing
from backend.cli.panels import PanelGroup
from backend.cli.pause import register as register_pausing
from backend.cli.review import register as register_review
from backend.cli.suggestion import register as register_suggestions
from backend.cli.transfer import register as register_transfers
from backend.errors import InputError, MediaclusterError, join_reason
from backend.rules.editing import media_count
from backend.settings import Settings, load_settings

# Everything heavy is imported by the command that needs it: `mediacluster --help` answers at once.

app = typer.Typer(
    name="mediacluster",
    cls=PanelGroup,
    help="Embed, group and recommend pictures.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)
db_app = typer.Typer(help="Manage the database.", no_args_is_help=True)
app.add_typer(db_app, name="db")
app.add_typer(cluster_app, name="cluster")
app.add_typer(media_app, name="media")
app.add_typer(history_app, name="history")
app.add_typer(key_app, name="key")
app.add_typer(account_app, name="account")
app.add_typer(space_app, name="space")
register_accounts(app)
register_review(app)
register_pausing(app)
register_consolidation(app)
register_keeping(app)
register_measuring(app)
register_transfers(app)
register_evaluation(app)
register_judgements(app)
register_suggestions(app)
register_optimizing(app)


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


JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]


def main() -> NoReturn:
    """Run; an expected error is one readable line and exit status 1."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        app()
    except MediaclusterError as error:
        complain(f"{error.code}: {error.full_detail}")
        if error.hint:
            complain(f"  {error.hint}")
        sys.exit(1)
    sys.exit(0)


@app.command()
def doctor(as_json: JsonFlag = False) -> None:
    """Check database, broker, storage and encoders, and say how to fix problems."""
    from backend.bootstrap import build_services
    from backend.features.operations import diagnose

    services = closing(build_services(load_settings()))
    findings = diagnose(services)
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            say(f"{'ok  ' if finding.ok else 'FAIL'} {finding.name}: {join_reason(finding.detail, finding.reason)}")
            if finding.hint:
                say(f"     {finding.hint}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


@db_app.command()
def url() -> None:
    """Print the libpq URL of the database. Starts the embedded server if needed."""
    from backend.bootstrap import resolve_database_url

    print(resolve_database_url(load_settings()))  # noqa: T201


@db_app.command()
def migrate(revision: str = "head") -> None:
    """Migrate the schema to the newest revision."""
    from backend.bootstrap import resolve_database_url
    from backend.store.engine import Database
    from backend.store.migrate import upgrade

    database = closing(Database(resolve_database_url(load_settings())))
    upgrade(database.engine, revision)
    console.print("The schema is up to date.")


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to bind to.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to bind to.")] = None,
) -> None:
    """Serve the API only."""
    from backend.cli.servers import run_api

    run_api(with_address(load_settings(), host, port))


@app.command()
def up(
    host: Annotated[str | None, typer.Option(help="Address to bind to.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to bind to.")] = None,
) -> None:
    """Serve the API and run workers and the clock. Ctrl-C stops all of them."""
    from backend.cli.servers import (
        ending_in_order,
        prepare_database,
        require_free_port,
        require_safe_address,
        run_api,
        running_servers,
    )
    from backend.supervision import Supervisor

    settings = with_address(load_settings(), host, port)
    require_safe_address(settings)
    require_free_port(settings)
    with ending_in_order(), running_servers(settings, stop=True):
        prepare_database(settings)
        with Supervisor(settings.home_path):
            run_api(settings, login_link=True)


@app.command()
def worker(
    role: Annotated[Literal["all", "embed", "light"], typer.Option(help="Kind of work to run.")] = "all",
) -> None:
    """Run one worker: `embed` for the encoders, `light` for everything else."""
    from backend.bootstrap import build_services
    from backend.cli.servers import become_celery, require_own_encoders

    settings = load_settings()
    services = build_services(settings)
    try:
        require_own_encoders(services)
    finally:
        services.database.dispose()
    become_celery(role, settings)


@app.command()
def beat() -> None:
    """Run the clock that finds forgotten work. Run one per library."""
    from backend.cli.servers import become_celery

    become_celery("beat", load_settings())


@app.command()
def stop() -> None:
    """Stop the embedded servers."""
    from backend.embedded import stop_servers

    stopped = stop_servers(load_settings().home_path)
    for name, ran in (("Postgres", stopped.postgres), ("Redis", stopped.redis)):
        console.print(f"{name} {'stopped' if ran else 'was not running'}.")


@app.command(name="import")
def import_(
    sources: Annotated[list[str], typer.Argument(help="Folders, pictures, manifests (.csv, .jsonl) or URLs.")],
    wait: Annotated[bool, typer.Option("--wait", help="Wait until every picture is in its group.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Import pictures with their text, and report new, duplicate and failed files."""
    from backend.bootstrap import build_services
    from backend.cli.intake import run_import
    from backend.cli.servers import prepare_database

    settings = load_settings()
    prepare_database(settings)
    report = run_import(closing(build_services(settings)), sources, wait=wait, quiet=as_json)
    if as_json:
        failed = [asdict(failure) for failure in report.failed]
        print_json(
            {
                "new": len(report.new),
                "duplicate": len(report.duplicates),
                "failed": failed,
                "skipped": report.skipped,
                "media": [{"id": str(media_id), "path": path} for media_id, path in report.new.items()],
            }
        )
    else:
        say(f"{len(report.new)} new, {len(report.duplicates)} duplicate, {len(report.failed)} failed")
        for failure in report.failed:
            say(f"  {failure.path}: {failure.code}: {failure.detail}")
        if report.skipped:
            say(f"  skipped {report.skipped} files that are not pictures")


@app.command()
def similar(
    media_id: Annotated[uuid.UUID, typer.Argument(help="Id of a stored picture.")],
    k: Annotated[int, typer.Option("-k", min=SIMILAR.low, max=SIMILAR.high, help="Number of results.")] = 3,
    alpha: Annotated[
        float | None, typer.Option(min=ALPHA.low, max=ALPHA.high, help="Weight of the image similarity, 0 to 1.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """List the pictures most similar to one, by alpha * sim_image + (1 - alpha) * sim_text."""
    from backend.bootstrap import resolve_database_url
    from backend.features.search import recommend
    from backend.store.engine import Database
    from backend.store.spaces import get_alpha

    settings = load_settings()
    with closing(Database(resolve_database_url(settings))).transaction() as session:
        weight = get_alpha(session, settings.alpha) if alpha is None else alpha
        results = recommend(session, media_id, k, weight)
    if as_json:
        print_json({"media_id": media_id, "alpha": weight, "results": [asdict(result) for result in results]})
        return
    for result in results:
        words = "  none" if result.sim_text is None else f"{result.sim_text:6.3f}"
        name = ", ".join(part for part in (result.title, result.location) if part)
        say(f"{result.combined:6.3f}  image {result.sim_image:6.3f}  text {words}  {result.media_id}  {name}")


@app.command()
def retry(
    media_ids: Annotated[list[uuid.UUID] | None, typer.Argument(help="Ids of failed pictures.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Retry all failed pictures.")] = False,
) -> None:
    """Retry failed pictures."""
    from backend.bootstrap import build_services
    from backend.cli.editing import actor_name
    from backend.features.operations import retry_all, retry_media

    if everything == bool(media_ids):
        raise InputError("No pictures to retry were named.", hint="Give the ids of failed pictures, or --all.")
    services = closing(build_services(load_settings()))
    count = (
        retry_all(services, actor=actor_name())
        if everything
        else retry_media(services, media_ids or [], actor=actor_name())
    )
    say(f"{media_count(count)} queued for another try")


@app.command()
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
    effort: Annotated[Literal["fast", "certified", "exact"], typer.Option(help="How thoroughly to search.")] = "fast",
    cluster: Annotated[list[int] | None, typer.Option(help="Only pictures in this group. Repeat for several.")] = None,
    keyword_any: Annotated[list[str] | None, typer.Option(help="Only pictures with one of these keywords.")] = None,
    keyword_all: Annotated[list[str] | None, typer.Option(help="Only pictures with all of these keywords.")] = None,
    taken_from: Annotated[datetime | None, typer.Option(help="Only pictures taken then or later.")] = None,
    taken_until: Annotated[datetime | None, typer.Option(help="Only pictures taken then or earlier.")] = None,
    location: Annotated[str, typer.Option(help="Only pictures whose location contains this.")] = "",
    mime: Annotated[list[str] | None, typer.Option(help="Only pictures of this type, such as image/jpeg.")] = None,
    source: Annotated[
        list[str] | None, typer.Option(help="Only pictures from this source: upload, import, url or embeddings.")
    ] = None,
    cursor: Annotated[str | None, typer.Option(help="Cursor that the previous page printed.")] = None,
    batch: Annotated[Path | None, typer.Option(help="A file with one query per line, or a folder of pictures.")] = None,
    out: Annotated[Path | None, typer.Option(help="With --batch: the .csv or .parquet file to write.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Search by text, picture files and stored pictures, alone or combined. Run many queries with --batch."""
    from backend.bootstrap import build_services
    from backend.cli.search import make_searcher, print_answer, read_pictures, run_batch
    from backend.features.search import make_query
    from backend.rules.search import Filters

    filters = Filters(
        cluster_ids=tuple(cluster or ()),
        keywords_any=tuple(keyword_any or ()),
        keywords_all=tuple(keyword_all or ()),
        taken_from=taken_from,
        taken_until=taken_until,
        location=location,
        mime=tuple(mime or ()),
        source=tuple(source or ()),
    )
    query = make_query(
        words=words,
        not_words=tuple(not_words or ()),
        media_ids=tuple(media or ()),
        pictures=read_pictures(image or []),
        not_media_ids=tuple(unlike or ()),
        find=find,
        k=k,
        alpha=alpha,
        method=method,
        filters=filters,
        min_similarity=min_similarity,
        diversity=diversity,
        effort=effort,
        cursor=cursor,
    )
    if (batch is None) != (out is None):
        raise typer.BadParameter("--batch and --out must be used together")
    services = closing(build_services(load_settings()))
    if batch is not None and out is not None:
        answered, failed = run_batch(services, batch, out, query, quiet=as_json)
        if as_json:
            print_json({"queries": answered, "failed": failed, "out": str(out)})
        else:
            say(f"wrote the results of {answered} queries to {out}; {failed} of them failed")
        return
    answer = make_searcher(services).search(query)
    if as_json:
        print_json(asdict(answer))
    else:
        print_answer(answer)


@app.command()
def status(as_json: JsonFlag = False) -> None:
    """Show how many pictures have each status, what is waiting, and whether workers respond."""
    from backend.cli.editing import open_services
    from backend.cli.status import read_status

    with open_services() as services:
        report = read_status(services)
    if as_json:
        print_json(asdict(report))
        return
    if report.pause:
        say(
            f"paused since {report.pause.paused_at:%Y-%m-%d %H:%M} by {report.pause.actor}; continue "
            "with `mediacluster resume`"
        )
    if report.spaces_without_indexes:
        say(
            f"no vector indexes in {', '.join(report.spaces_without_indexes)}; run `mediacluster doctor` for what to do"
        )
    for name, number in report.media.items():
        say(f"{number:>8} {name}")
    say(f"{report.clusters:>8} groups in space {report.space or '(none yet)'}")
    say(f"{report.workers:>8} workers answer")
    for other in report.other_spaces:
        rest = f", {other.failed:,} failed" * bool(other.failed) + ", paused" * other.paused
        say(
            f"{other.waiting:>8} wait for space {other.name} ({other.state}): {other.embedded:,} of {other.media:,} are in{rest}"
        )
    for code, number in report.failures.items():
        say(f"{number:>8} failed with {code}")


@app.command()
def audit(
    replay: Annotated[bool, typer.Option("--replay", help="Repeat every assignment and compare.")] = False,
    recall: Annotated[bool, typer.Option("--recall", help="Compare index searches with exact searches.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Check the invariants of the library. Exits with 1 and lists the rows that break one."""
    from backend.bootstrap import resolve_database_url
    from backend.features.evaluation import audit_recall
    from backend.features.integrity import audit as run_audit
    from backend.features.integrity import describe_breaches
    from backend.store.engine import Database

    database = closing(Database(resolve_database_url(load_settings())))
    report = run_audit(database, replay=replay)
    recalled = audit_recall(database) if recall else None
    if as_json:
        print_json({"clean": report.is_clean, **asdict(report), "recall": asdict(recalled) if recalled else None})
    else:
        for line in describe_breaches(report):
            say(line)
        if report.replayed is not None:
            say(f"replayed {report.replayed} decisions")
        if report.replay_skipped:
            say(f"replay skipped: {report.replay_skipped}")
        if recalled is not None:
            say(f"recall@{recalled.k} of {recalled.sampled} sampled pictures, against exact search:")
            for alpha, value in recalled.fused.items():
                say(f"  alpha {alpha:.1f}: {value:.3f}")
            for alpha, value in recalled.fused_index.items():
                say(f"  alpha {alpha:.1f}, fused index alone: {value:.3f}")
            for leg, value in recalled.legs.items():
                say(f"  {leg} index alone: {value:.3f}")
        say("clean" if report.is_clean else "not clean")
    if not report.is_clean:
        raise typer.Exit(1)


@app.command()
def label(
    everything: Annotated[bool, typer.Option("--all", help="Relabel all groups, changed or not.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Label the groups whose members changed, by what distinguishes them."""
    from backend.bootstrap import build_services
    from backend.cli.naming import print_labels
    from backend.features.naming import refresh_labels

    report = refresh_labels(closing(build_services(load_settings())), everything=everything)
    if as_json:
        print_json(asdict(report))
    else:
        print_labels(report)


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="End when the gallery is ready, without serving.")] = False,
    as_json: JsonFlag = False,
    count: Annotated[int, typer.Option(min=20, max=2000, help="Pictures in the gallery.")] = 300,
    host: Annotated[str | None, typer.Option(help="Address to bind to.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to bind to.")] = None,
) -> None:
    """Create a demo gallery, import it, show groups and a recommendation, and serve the API."""
    from backend.encoders import require_demo

    require_demo()  # before the gallery is imported
    from backend.bootstrap import build_services
    from backend.cli.demo import print_demo, require_demo_home, run_demo
    from backend.cli.servers import (
        ending_in_order,
        prepare_database,
        require_free_port,
        require_safe_address,
        run_api,
        running_servers,
        running_workers,
    )

    # In the environment, since the workers read it too.
    os.environ["MEDIACLUSTER_PRESET"] = "demo"
    settings = with_address(load_settings(), host, port)
    if not once:
        require_safe_address(settings)
        require_free_port(settings)
    with ending_in_order(), running_servers(settings, stop=True):
        prepare_database(settings)
        services = closing(build_services(settings))
        require_demo_home(services)
        with running_workers(services):
            result, members = run_demo(services, count, quiet=as_json)
            if as_json:
                print_json(asdict(result))
            else:
                print_demo(result, members)
            if not once:
                run_api(settings, login_link=True)


def with_address(settings: Settings, host: str | None, port: int | None) -> Settings:
    given = {name: value for name, value in (("api_host", host), ("api_port", port)) if value is not None}
    return settings.model_copy(update=given)


if __name__ == "__main__":
    main()
