# ruff: noqa: INP001 - scripts, not a package
"""The vector service of a host against processes that each keep the vectors themselves: answers a second, cores and memory.

python -m benchmarks.host --count 100000 --home /tmp/host        # the library is kept there for the next run
python -m benchmarks.host --processes 1 2 4 --threads 8

Each process asks in `--threads` threads, as an API process does, in a transaction each; every answer is certified or counts as a failure.
"""

import argparse
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from backend.bootstrap import link_vector_services, vector_service_addresses
from backend.features.search import HostVectors, OwnVectors, VectorSource
from backend.features.search.nomination import nominate_by_scan
from backend.rules.search import Filters
from backend.settings import load_settings
from backend.store.engine import Database, forbid_writes
from backend.store.search import ScanKeeper
from backend.vector_protocol import Figures, FiguresRequest, ServiceAway, ServiceLink
from benchmarks.frame import Row
from benchmarks.library import open_library
from benchmarks.vectors import Vectors, make_vectors

_MEDIA = 100_000
_MEMORY_BYTES = 8 << 30
_K = 10
_ALPHA = 0.6
_WARM_SECONDS = 1.0
_PATIENCE_SECONDS = 300.0


@dataclass(frozen=True)
class Figure:
    """What a number of processes did.

    Attributes:
        rate: exact answers a second, of all together.
        median_ms: milliseconds of an answer, p50.
        p95_ms: the same, p95.
        core_ms: milliseconds of a core that the processes that ask and the service spent on an answer.
        process_bytes: memory of a process that asks.
        service_bytes: memory of the service, 0 without one.
    """

    rate: float
    median_ms: float
    p95_ms: float
    core_ms: float
    process_bytes: int
    service_bytes: int


def run(scale: float) -> Iterator[Row]:
    """Two processes that share a service, against two that keep the vectors themselves."""
    vectors = make_vectors("structured", max(2_000, int(20_000 * scale)))
    with open_library(vectors, None, with_indexes=False) as database:
        own = measure(vectors, database, 2, 8, 3.0, by_service=False)
        shared = measure(vectors, database, 2, 8, 3.0, by_service=True)
    detail = f"two processes of eight threads, alpha {_ALPHA}, {len(vectors.images):,} structured media"
    yield Row(
        "exact answers of one vector service",
        shared.rate,
        "a second",
        "more",
        "own vectors each",
        own.rate,
        "",
        None,
        None,
        detail,
    )


def measure(
    vectors: Vectors, database: Database, processes: int, threads: int, seconds: float, *, by_service: bool
) -> Figure:
    """Let processes ask for so many seconds."""
    with ExitStack() as stack:
        url = database.engine.url.render_as_string(hide_password=False)
        service = stack.enter_context(_service(url, len(vectors.images))) if by_service else None
        command = [sys.executable, "-m", "benchmarks.host", "--ask", url, "--count", str(len(vectors.images))]
        command += ["--threads", str(threads), "--seconds", str(seconds), "--service"] if by_service else [
            "--threads", str(threads), "--seconds", str(seconds),
        ]  # fmt: skip
        asking = [
            stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))  # noqa: S603 - our own command
            for _ in range(processes)
        ]
        for one in asking:
            assert one.stdout is not None
            assert one.stdout.readline() == "ready\n"
        before = _spent(service)
        for one in asking:
            assert one.stdin is not None
            one.stdin.write("go\n")
            one.stdin.flush()
        told = [json.loads(one.communicate()[0]) for one in asking]
        spent = _spent(service) - before + sum(one["core_seconds"] for one in told)
        times = sorted(ms for one in told for ms in one["times_ms"])
        return Figure(
            len(times) / seconds,
            times[len(times) // 2],
            times[len(times) * 95 // 100],
            spent / len(times) * 1000,
            max(one["bytes"] for one in told),
            0 if service is None else service.memory_info().rss,
        )


@contextmanager
def _service(url: str, count: int) -> Iterator[psutil.Process]:
    """A service that has loaded the vectors."""
    settings = load_settings(database_url=url, vector_service="ask", search_memory_bytes=_MEMORY_BYTES)
    environment = {
        "DATABASE_URL": url,
        "REDIS_URL": "redis://127.0.0.1:9/0",
        "MEDIACLUSTER_HOME": str(settings.home_path),
        "MEDIACLUSTER_SEARCH_MEMORY_BYTES": str(_MEMORY_BYTES),
    }
    command = [sys.executable, "-m", "backend.cli", "vectors"]
    with subprocess.Popen(  # noqa: S603 - our own command
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            link = ServiceLink(vector_service_addresses(settings)[0])
            deadline = time.monotonic() + _PATIENCE_SECONDS
            while _held(link) < count:
                if time.monotonic() > deadline or process.poll() is not None:
                    raise SystemExit("the vector service did not load the vectors")
                time.sleep(0.2)
            link.close()
            yield psutil.Process(process.pid)
        finally:
            process.terminate()


def _held(link: ServiceLink) -> int:
    try:
        reply, _ = link.ask(FiguresRequest(), seconds=5)
    except ServiceAway:
        return 0
    return reply.media if isinstance(reply, Figures) else 0


def _spent(process: psutil.Process | None) -> float:
    if process is None:
        return 0.0
    times = process.cpu_times()
    return times.user + times.system


def _ask(url: str, count: int, threads: int, seconds: float, *, by_service: bool) -> None:
    """A process that asks: it says when it is ready, begins when it is told, and prints what it did."""
    queries = make_vectors("structured", 200)
    database = Database(url)
    source = _source(database, url, by_service=by_service)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    times: list[float] = []

    def work(thread: int, until: float) -> None:
        number = thread * 61
        while time.monotonic() < until:
            number += 1
            row = number % len(queries.images)
            begun = time.perf_counter()
            with database.transaction() as session:
                forbid_writes(session)
                found = nominate_by_scan(
                    session,
                    queries.images[row],
                    queries.texts[row],
                    k=_K,
                    alpha=_ALPHA,
                    filters=Filters(),
                    exclude=(),
                    scans=source,
                )
            if found is None or not found.certified or found.scanned < count:
                raise SystemExit("there was no certain answer")
            times.append((time.perf_counter() - begun) * 1000)

    work(0, time.monotonic() + _WARM_SECONDS)
    sys.stdin.readline()
    times.clear()
    spent, until = time.process_time(), time.monotonic() + seconds
    workers = [threading.Thread(target=work, args=(thread, until)) for thread in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    told = {
        "times_ms": times,
        "core_seconds": time.process_time() - spent,
        "bytes": psutil.Process().memory_info().rss,
    }
    sys.stdout.write(json.dumps(told))
    database.dispose()


def _source(database: Database, url: str, *, by_service: bool) -> VectorSource:
    if by_service:
        links = link_vector_services(load_settings(database_url=url, vector_service="ask"))
        for link in links:
            database.before_dispose(link.close)
        return HostVectors(links, OwnVectors(ScanKeeper(database, most_bytes=0)))
    keeper = ScanKeeper(database, most_bytes=_MEMORY_BYTES)
    keeper.refresh()
    return OwnVectors(keeper)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=_MEDIA)
    parser.add_argument("--processes", type=int, nargs="+", default=(1, 2))
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--home", type=Path, help="the folder of the library")
    parser.add_argument("--ask", metavar="URL", help=argparse.SUPPRESS)
    parser.add_argument("--service", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.ask:
        _ask(options.ask, options.count, options.threads, options.seconds, by_service=options.service)
        return 0
    vectors = make_vectors("structured", options.count)
    out = sys.stdout.write
    out(
        "| processes | vectors | answers a second | p50, ms | p95, ms | ms of a core | a process, MB | the service, MB |\n"
    )
    out("|---|---|---|---|---|---|---|---|\n")
    with open_library(vectors, options.home, with_indexes=False) as database:
        for processes in options.processes:
            for by_service in (False, True):
                one = measure(vectors, database, processes, options.threads, options.seconds, by_service=by_service)
                out(
                    f"| {processes} | {'in the service' if by_service else 'in each'} | {one.rate:.0f} | {one.median_ms:.1f} | "
                    f"{one.p95_ms:.1f} | {one.core_ms:.2f} | {one.process_bytes / 1e6:.0f} | {one.service_bytes / 1e6:.0f} |\n"
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
