"""Checks of `mediacluster doctor` and the health endpoint. Each says what is wrong and how to fix it."""

import resource
import shlex
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from PIL import Image

from backend.encoders import IMAGE, TEXT, explain
from backend.errors import BackendUnavailable, ConfigurationError, MediaclusterError
from backend.features.model_change import SpaceStanding, list_standing
from backend.features.services import Services
from backend.redaction import without_credentials
from backend.store.engine import MINIMUM_POSTGRES_VERSION, MINIMUM_VECTOR_VERSION, Session
from backend.store.extension import read_vector_extension
from backend.store.migrate import current_revision, has_stale_functions, knows_revision, newest_revision
from backend.store.operations import (
    Server,
    list_workers,
    read_identity,
    read_server,
    shares_sessions,
    try_distance,
    try_functions,
)
from backend.store.schema import Space, SpaceState
from backend.store.search import LEAST_MEDIA, bytes_for, count_vectors
from backend.store.spaces import find_active_space, has_library, list_spaces_without_indexes
from backend.vector_protocol import Figures, FiguresRequest, ServiceAway, ServiceLink

_MEGABYTE = 1_000_000
_BUILD_BYTES = 64 * 1024 * 1024  # of maintenance_work_mem, as Postgres has it by default
_CONNECTIONS_OF_A_WORKER = 3
_FEW_OPEN_FILES = 1024
_ANSWER_SECONDS = 5.0
_NO_LIBRARY = "; no library yet, create one with `mediacluster import`"


@dataclass(frozen=True)
class Finding:
    """Result of a check. `reason` is for operators only: see `MediaclusterError`."""

    name: str
    ok: bool
    detail: str
    hint: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class _Advice:
    """Result of a check that nothing is wrong, but something could be better."""

    detail: str
    hint: str
    reason: str | None = None


def check_database(services: Services) -> Finding:
    """The database responds and has the schema of this version, or of a newer one, since migrations only add."""

    def check() -> str:
        with services.database.transaction() as session:
            return f"{_describe_server(read_server(session))}{_describe_schema(session)}"

    return _run("database", check)


def check_open_files(_services: Services | None = None) -> Finding:
    """A server may have as many files open as it needs: each connection is one, and so are pictures and connections to the database."""

    def check() -> str | _Advice:
        # A server raises the soft limit to the hard one when it starts.
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        if most == resource.RLIM_INFINITY:
            return "as many as the system has"
        if most < _FEW_OPEN_FILES:
            return _Advice(
                f"a server may have {most} files open, which is few: each connection of a client is one",
                hint=f"Raise the hard limit to {_FEW_OPEN_FILES} or more: `ulimit -H -n`, LimitNOFILE= of systemd, `--ulimit nofile` of Docker.",
            )
        return f"a server may have {most}"

    return _run("open files", check)


def check_server(services: Services) -> Finding:
    """Like `check_database`, but a database without a library passes. And a pooler is noticed, and has its settings."""

    def check() -> str:
        with services.database.transaction() as session:
            server = read_server(session)
            if server.major < MINIMUM_POSTGRES_VERSION:
                raise ConfigurationError(
                    f"This is Postgres {server.version}; {MINIMUM_POSTGRES_VERSION} or newer is needed.",
                    hint="Use a newer server, and restore a backup there.",
                )
            schema = _describe_schema(session) if has_library(session) else _NO_LIBRARY
        return f"{_describe_server(server)}{_describe_pooler(services)}{schema}"

    return _run("database", check)


def check_vector_extension(services: Services) -> Finding:
    """Pgvector is installed or available, and new enough: it supports iterative scans and has fixes for known bugs."""

    def check() -> str:
        with services.database.transaction() as session:
            extension = read_vector_extension(session.connection())
            if extension.installed:
                try_distance(session)
        if extension.lack is not None:
            raise extension.lack
        found = extension.installed or extension.available or ""
        wanted = ".".join(map(str, MINIMUM_VECTOR_VERSION))
        if tuple(int(part) for part in found.split(".")[:3]) < MINIMUM_VECTOR_VERSION:
            raise ConfigurationError(
                f"pgvector is {found}; {wanted} or newer is needed.",
                hint="Update the server's package, then run ALTER EXTENSION vector UPDATE.",
            )
        return f"pgvector {found}" if extension.installed else f"pgvector {found} can be installed"

    return _run("vector extension", check)


def check_broker(services: Services) -> Finding:
    """The broker responds."""

    def check() -> str:
        services.doorbell.check()
        return "Redis answers"

    return _run("broker", check)


def check_storage(services: Services) -> Finding:
    """The storage can write, read and delete a file."""

    def check() -> str:
        services.storage.check()
        return without_credentials(services.settings.resolved_storage_url)

    return _run("storage", check)


def check_home(services: Services) -> Finding:
    """The home is for its owner alone: it holds pictures, the database, logs and secrets. What is in a closed one is closed too."""

    def check() -> str:
        home = services.settings.home_path
        if not home.is_dir():
            return f"{home}, which is not made yet"
        # A right to pass through alone may be Postgres', in an access control list.
        if home.stat().st_mode & (stat.S_IRGRP | stat.S_IWGRP | stat.S_IRWXO):
            raise ConfigurationError(
                f"Others on this machine can get into {home} ({stat.filemode(home.stat().st_mode)}).",
                hint=f"Run: chmod go-rw,o-x {shlex.quote(str(home))}",
            )
        return f"{home}, for its owner alone"

    return _run("home", check)


def check_encoders(services: Services) -> Finding:
    """Both encoders load, and match the active space in name and dimension."""

    def check() -> str:
        space = _find_space(services)
        encoders = services.encoders if space is None else services.encoders_of(space)
        encoders.load()
        image, words = encoders.image.dimension, encoders.text.dimension
        summary = f"{encoders.names.image_model} ({image}) and {encoders.names.text_model} ({words})"
        if space is None:
            return f"{summary}; there is no space yet, the first worker creates it"
        if (image, words) != (space.image_dimension, space.text_dimension):
            raise ConfigurationError(
                f"The encoders give {image} and {words} dimensions, space '{space.name}' has "
                f"{space.image_dimension} and {space.text_dimension}.",
                hint="Use the checkpoints that the space was created with, or another MEDIACLUSTER_HOME.",
            )
        return f"{summary}, matching space '{space.name}'"

    return _run("encoders", check)


def check_spaces(services: Services) -> Finding:
    """State of inactive spaces: being filled, paused, or left over and taking space."""

    def check() -> str:
        with services.database.transaction() as session:
            others = [one for one in list_standing(session) if one.state != SpaceState.ACTIVE]
        for one in others:
            if one.problem and not one.paused:
                raise ConfigurationError(
                    f"Workers cannot fill space '{one.name}': {one.problem}",
                    hint=f"Try again with `mediacluster space fill {one.name}`, or drop it with `mediacluster "
                    f"space drop {one.name}`.",
                )
        return "; ".join(map(_describe_space, others)) or "there is only one space"

    return _run("spaces", check)


def _describe_space(one: SpaceStanding) -> str:
    counts = one.counts
    failed = f", {counts.failed:,} failed (`mediacluster space failures {one.name}`)" if counts.failed else ""
    how = f"space '{one.name}' has {counts.embedded:,} of {counts.media:,} pictures{failed}"
    if one.paused:
        return f"{how}, and filling it is paused"
    if one.kept_up:
        return f"{how}, {counts.waiting:,} wait" if counts.waiting else f"{how} and is kept up to date"
    return f"{how} and is not being filled; drop it if you do not need it (`mediacluster space drop {one.name}`)"


def check_vector_indexes(services: Services) -> Finding:
    """Every space has its vector indexes."""

    def check() -> str:
        with services.database.transaction() as session:
            lacking = list_spaces_without_indexes(session)
        if lacking:
            raise ConfigurationError(
                f"Vector indexes of {', '.join(lacking)} are missing: an import of embeddings is running "
                "or was interrupted. Until they exist, searches read all vectors.",
                hint="Wait for a running import, repeat an interrupted one, or run `mediacluster repair`.",
            )
        return "all are there"

    return _run("vector indexes", check)


def check_functions(services: Services) -> Finding:
    """The SQL functions work, for any client: they are called."""

    def check() -> str:
        with services.database.transaction() as session:
            if has_stale_functions(session.connection()):
                raise ConfigurationError(
                    "pgvector or the library was moved to another schema, where the SQL functions do not look.",
                    hint="Run `mediacluster db migrate`: it gives them the new path.",
                )
            try_functions(session)
        return "they answer"

    return _run("sql functions", check)


def check_memory(services: Services) -> Finding:
    """The server has memory for the vector indexes, and connections for the processes."""

    def check() -> str | _Advice:
        with services.database.transaction() as session:
            server, workers = read_server(session), len(list_workers(session))
        detail = (
            f"vector indexes take {_megabytes(server.vector_index_bytes)} (shared_buffers {_megabytes(server.shared_buffers)}, "
            f"effective_cache_size {_megabytes(server.effective_cache_size)}), {server.connections} of "
            f"{server.most_connections} connections are open"
        )
        advice = list(_advise(server, workers, services.database.most_connections))
        # The embedded server has settings of its own.
        return _Advice(detail, " ".join(advice)) if advice and services.settings.database_url else detail

    return _run("memory", check)


def _advise(server: Server, workers: int, most_per_process: int) -> Iterator[str]:
    """Sentences on what the administrator of the server should change."""
    if server.vector_index_bytes > server.effective_cache_size:
        yield (
            f"The vector indexes are larger than effective_cache_size: give the server more than {_megabytes(server.vector_index_bytes)} "
            "of memory, and say so with effective_cache_size."
        )
    elif server.vector_index_bytes > server.shared_buffers:
        yield f"Raise shared_buffers to more than {_megabytes(server.vector_index_bytes)}, so that searches do not wait for the disk."
    if server.vector_index_bytes > server.maintenance_work_mem and server.maintenance_work_mem <= _BUILD_BYTES:
        yield "Raise maintenance_work_mem to some hundred MB: with less, `REINDEX` of a vector index takes hours."
    needed = most_per_process + _CONNECTIONS_OF_A_WORKER * workers
    if needed > server.most_connections:
        yield f"Raise max_connections: a server process and {workers} workers may open {needed}."


def _megabytes(count: int) -> str:
    return f"{count / _MEGABYTE:,.0f} MB"


def check_search_memory(services: Services) -> Finding:
    """The memory that the fastest search needs is within the setting."""

    def check() -> str | _Advice:
        most = services.settings.search_memory_bytes
        if not most:
            return "searches use the indexes only (MEDIACLUSTER_SEARCH_MEMORY_BYTES is 0)"
        with services.database.transaction() as session:
            space = find_active_space(session)
            count = 0 if space is None else count_vectors(session, space.id)
        if space is None or count < LEAST_MEDIA:
            return f"{count} vectors: Postgres compares all of them exactly"
        needed = bytes_for(count, space.image_dimension, space.text_dimension)
        if needed > most:
            return _Advice(
                f"the search in memory has switched itself off: the vectors of {count} pictures take {needed} bytes, and "
                f"MEDIACLUSTER_SEARCH_MEMORY_BYTES is {most}. Searches use the indexes",
                hint=f"Set MEDIACLUSTER_SEARCH_MEMORY_BYTES to more than {needed} on machines that have that much for the vector service, or "
                "without one for each server process.",
            )
        return f"the vectors of {count} pictures are kept in {needed // _MEGABYTE} MB of memory"

    return _run("search memory", check)


def check_vector_service(services: Services) -> Finding:
    """The vector service of this host answers, if it is to be asked."""

    def check() -> str | _Advice:
        if not services.vector_services:
            return "off: each process keeps vectors and encoders itself (MEDIACLUSTER_VECTOR_SERVICE)"
        told = [describe(link) for link in services.vector_services]
        return next((one for one in told if isinstance(one, _Advice)), "; ".join(map(str, told)))

    def describe(link: ServiceLink) -> str | _Advice:
        try:
            reply, _ = link.ask(FiguresRequest(), seconds=_ANSWER_SECONDS)
        except ServiceAway as error:
            return _Advice(
                "none answers, so each process keeps vectors and encoders itself",
                hint="`mediacluster up` and `serve` run one; or run `mediacluster vectors`. Its log is in HOME/logs.",
                reason=f"{link.address}: {error}",
            )
        if not isinstance(reply, Figures):
            raise BackendUnavailable("The vector service refuses to answer.", hint="Restart it, with this version.")
        encoders = "has loaded" if reply.has_encoders else "has not loaded"
        return (
            f"it answers at {link.address}, keeps the vectors of {reply.media} pictures in "
            f"{_megabytes(reply.memory_bytes)} ({reply.state}), and {encoders} the encoders"
        )

    return _run("vector service", check)


def check_runtimes(services: Services) -> Finding:
    """The runtimes of the encoders, and why they were chosen."""

    def check() -> str:
        space = _find_space(services)
        has_space = space is not None
        encoders = services.encoders if space is None else services.encoders_of(space)
        image, words = encoders.runtimes.image, encoders.runtimes.text
        why_image = explain(services.settings, IMAGE, image, has_space=has_space)
        why_words = explain(services.settings, TEXT, words, has_space=has_space)
        return f"pictures by {image.title} ({why_image}), words by {words.title} ({why_words})"

    return _run("runtimes", check)


def check_ocr(services: Services) -> Finding:  # noqa: ARG001 - one of the checks
    """The program for text recognition is installed."""

    def check() -> str:
        from backend.files.decoding import read_words

        read_words(Image.new("RGB", (64, 32), "white"))
        return "text in pictures can be read"

    return _run("ocr", check)


def diagnose(services: Services) -> list[Finding]:
    """Run all checks, cheap ones first. OCR is checked only if enabled, and spaces and what serves searches only if there is a library."""
    checks: list[Callable[[Services], Finding]] = [
        check_home,
        check_open_files,
        check_server,
        check_vector_extension,
        check_broker,
        check_storage,
        check_encoders,
    ]
    if _may_have_library(services):
        checks += [check_functions, check_spaces, check_vector_indexes, check_search_memory, check_memory]
        checks.append(check_vector_service)
    checks.append(check_runtimes)
    if services.settings.enable_ocr:
        checks.append(check_ocr)
    return [check(services) for check in checks]


def _may_have_library(services: Services) -> bool:
    try:
        with services.database.transaction() as session:
            return has_library(session)
    except MediaclusterError:
        return True  # each check reports the error itself


def _find_space(services: Services) -> Space | None:
    with services.database.transaction() as session:
        return find_active_space(session) if has_library(session) else None


def _describe_server(server: Server) -> str:
    if server.is_standby:
        return f"Postgres {server.version}, a standby: it only reads"
    return f"Postgres {server.version}{', read-only' if server.is_read_only else ''}"


def _describe_pooler(services: Services) -> str:
    """Describe the pooler before the database. Raises ConfigurationError if it is not as the settings say."""
    database = services.database
    if database.pooler == "none":
        if shares_sessions(database.url):
            raise ConfigurationError(
                "DATABASE_URL leads through a pooler in transaction mode, which gives each transaction another session.",
                hint="Set MEDIACLUSTER_DATABASE_POOLER=transaction, and MEDIACLUSTER_DIRECT_DATABASE_URL to the address of the server itself.",
            )
        return ""
    direct = database.direct
    if shares_sessions(direct.url):
        raise ConfigurationError(
            "MEDIACLUSTER_DIRECT_DATABASE_URL leads through a pooler in transaction mode too.",
            hint="Set it to the address of the server itself, or of a pooler in session mode.",
        )
    with database.transaction() as session, direct.transaction() as other:
        if read_identity(session) != read_identity(other):
            raise ConfigurationError(
                "MEDIACLUSTER_DIRECT_DATABASE_URL leads to another database than DATABASE_URL.",
                hint="Set it to the address of the server behind the pooler, with the same database.",
            )
    return ", through a pooler in transaction mode"


def _describe_schema(session: Session) -> str:
    """Describe the schema, and the version of the server. Raises ConfigurationError if the schema is missing or older."""
    current, newest = current_revision(session.connection()), newest_revision()
    if current == newest:
        return ""
    if current is not None and not knows_revision(current):
        return f"; its schema is from a newer version ({current})"
    raise ConfigurationError(
        f"The schema is at revision {current or 'none'}, the newest is {newest}.",
        hint="Run `mediacluster db migrate`.",
    )


def _run(name: str, check: Callable[[], str | _Advice]) -> Finding:
    try:
        result = check()
    except MediaclusterError as error:
        return Finding(name, ok=False, detail=error.detail, hint=error.hint, reason=error.reason)
    except Exception as error:  # noqa: BLE001 - what a check cannot explain is a finding too; the others follow
        return Finding(
            name,
            ok=False,
            detail="The check failed in a way that it does not know",
            hint="Compare the reason with the log of the server. If it does not help, report it.",
            reason=str(error).strip().partition("\n")[0],
        )
    if isinstance(result, _Advice):
        return Finding(name, ok=True, detail=result.detail, hint=result.hint, reason=result.reason)
    return Finding(name, ok=True, detail=result)
