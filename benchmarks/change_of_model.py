# ruff: noqa: INP001 - scripts, not a package
"""Change of the model of a large library under load: duration of its transaction, and effect on requests.

    python -m benchmarks.change_of_model                  # 20,000 pictures in 2,000 groups
    python -m benchmarks.change_of_model --groups 10000   # 100,000 in 10,000

The second space has 256 of the 512 dimensions, filled by SQL, and lacks nothing, so that only the change is measured. The command
runs in a process of its own, while clients send HTTP requests without a pause. There are no vector indexes: similar pictures come
from memory, or from a scan until the new space is in memory.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

import httpx
import numpy as np
import sqlalchemy as sa

from backend.features.services import Services
from backend.store.spaces import NewSpace, create_space, drop_vector_indexes_of_empty
from backend.web.server import create_web_app
from benchmarks.frame import Row
from benchmarks.pages import MEMBERS, open_pages
from scripts.demo_site import serving

_BASELINE_SECONDS = 10.0
_SLOW_SECONDS = 1.0
_COPY = """INSERT INTO embedding (space_id, media_id, image_embedding, text_embedding)
           SELECT :narrow, media_id, l2_normalize(subvector(image_embedding, 1, 256)), text_embedding
             FROM embedding WHERE space_id = :wide"""


@dataclass(frozen=True)
class Change:
    """Results of one change.

    Attributes:
        what: what was changed.
        media: number of pictures.
        seconds: duration of the command.
        locked_seconds: duration of its transaction, including waits for locks.
        requests: number of requests answered during the command.
        failed: number of failed requests.
        p95_ms_before: 95th percentile of requests before the command.
        most_ms_before: slowest request before the command.
        p95_ms_during: 95th percentile during the command.
        most_ms_during: slowest request during the command.
        most_ms_locked: slowest request that overlaps the transaction.
        slow_during: number of slow requests during the command.
    """

    what: str
    media: int
    seconds: float
    locked_seconds: float
    requests: int
    failed: int
    p95_ms_before: float
    most_ms_before: float
    p95_ms_during: float
    most_ms_during: float
    most_ms_locked: float
    slow_during: int


@dataclass
class Traffic:
    """Clients that send requests without a pause. `asked` records start, seconds and success of each."""

    url: str
    paths: list[str]
    asked: list[tuple[float, float, bool]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def flowing(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._ask, args=(path,)) for path in self.paths]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._ended.set()
            for thread in threads:
                thread.join()

    def _ask(self, path: str) -> None:
        with httpx.Client(base_url=self.url, timeout=120) as client:
            while not self._ended.is_set():
                begun, clock = time.time(), time.perf_counter()
                try:
                    status = client.get(path).status_code
                except httpx.HTTPError as error:
                    status, why = 0, repr(error)
                else:
                    why = str(status)
                self.asked.append((begun, time.perf_counter() - clock, status == httpx.codes.OK))
                if status != httpx.codes.OK:
                    self.failures.append(f"{path}: {why}")
                self._ended.wait(0.02)

    def within(self, first: float, last: float) -> list[tuple[float, float, bool]]:
        """Requests in progress at any moment of a period, by the monotonic clock."""
        return [one for one in self.asked if one[0] <= last and one[0] + one[1] >= first]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--groups", type=int, default=2_000, help=f"of {MEMBERS} pictures each")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    changes = list(measure(options.groups))
    if options.json:
        sys.stdout.write(json.dumps([asdict(change) for change in changes], indent=2) + "\n")
        return 0
    for change in changes:
        sys.stdout.write(
            f"{change.what} of {change.media:,} pictures in {options.groups:,} groups: {change.seconds:.1f} s, of which the transaction "
            f"{change.locked_seconds:.2f} s; {change.requests:,} requests meanwhile, {change.failed} failed, {change.slow_during} above "
            f"{_SLOW_SECONDS:g} s; p95 {change.p95_ms_during:.0f} ms (before {change.p95_ms_before:.0f}), longest "
            f"{change.most_ms_during:.0f} ms, in the transaction {change.most_ms_locked:.0f} ms (before {change.most_ms_before:.0f})\n"
        )
    return 0


def run(scale: float) -> Iterator[Row]:
    """Rows for `make bench`."""
    for change in measure(int(2_000 * scale)):
        note = (
            f"{change.media:,} media; {change.requests:,} requests while it ran, {change.failed} failed, the longest took "
            f"{change.most_ms_during:.0f} ms, {change.most_ms_before:.0f} ms before"
        )
        yield Row(f"{change.what}, its transaction", change.locked_seconds, "s", "less", note=note)
        yield Row(
            f"requests during {change.what}, p95",
            change.p95_ms_during,
            "ms",
            "less",
            "before it",
            change.p95_ms_before,
            note="by as many clients as there are pages, without a pause",
        )


def measure(groups: int) -> Iterator[Change]:
    """Activate the second space, and roll back."""
    with open_pages(groups) as services:
        media = _make_narrow(services)
        with serving(create_web_app(services)) as url:
            paths = _paths(services)
            for path in paths:
                httpx.get(url + path, timeout=120).raise_for_status()
            yield _change(services, url, paths, media, "activation", ["activate", "narrow", "--threshold", "0.8"])
            yield _change(services, url, paths, media, "rollback", ["rollback"])


def _change(services: Services, url: str, paths: list[str], media: int, what: str, command: list[str]) -> Change:
    traffic = Traffic(url, paths)
    with traffic.flowing():
        first = time.time()
        time.sleep(_BASELINE_SECONDS)
        begun = time.time()
        locked = _call(services, command)
        ended = time.time()
        time.sleep(1)
    with services.database.transaction() as session:
        # The beginning of its transaction.
        since = session.execute(
            sa.text("SELECT extract(epoch FROM activated_at) FROM space WHERE state = 'active'")
        ).scalar_one()
    before, during = traffic.within(first, begun), traffic.within(begun, ended)
    inside = traffic.within(float(since), float(since) + locked)
    for failure in traffic.failures[:5]:
        sys.stderr.write(f"failed: {failure}\n")
    return Change(
        what,
        media,
        ended - begun,
        locked,
        len(during),
        sum(not is_good for _, _, is_good in traffic.asked),
        _p95_ms(before),
        _most_ms(before),
        _p95_ms(during),
        _most_ms(during),
        _most_ms(inside),
        sum(seconds > _SLOW_SECONDS for _, seconds, _ in during),
    )


def _call(services: Services, command: list[str]) -> float:
    """Run a command. Returns the seconds of the transaction that it reports."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MEDIACLUSTER_")}
    done = subprocess.run(  # noqa: S603 - words of ours
        [sys.executable, "-c", "from backend.cli import main; main()", "space", *command, "--json"],
        env=environment | {"MEDIACLUSTER_HOME": str(services.settings.home_path), "MEDIACLUSTER_PRESET": "demo"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return float(json.loads(done.stdout)["seconds"])


def _make_narrow(services: Services) -> int:
    """Create the second space with vectors of all pictures. Returns their number."""
    begun = time.perf_counter()
    with services.database.transaction() as session:
        narrow = create_space(session, NewSpace("narrow", None, "n", "", "t", "narrow", "t", 256, 384, {}))
        assert drop_vector_indexes_of_empty(session, narrow.id)
        wide = session.execute(sa.text("SELECT id FROM space WHERE state = 'active'")).scalar_one()
        made = session.execute(sa.text(_COPY), {"narrow": narrow.id, "wide": wide})
    with services.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE embedding"))
    sys.stderr.write(f"made the second space in {time.perf_counter() - begun:.0f} s\n")
    return int(made.rowcount)  # type: ignore[attr-defined]


def _paths(services: Services) -> list[str]:
    with services.database.transaction() as session:
        cluster_id, media_id = session.execute(
            sa.text("SELECT cluster_id, media_id FROM membership ORDER BY cluster_id DESC, media_id LIMIT 1")
        ).one()
    return ["/admin/", f"/admin/clusters/{cluster_id}", f"/admin/media/{media_id}", f"/media/{media_id}/similar?k=10"]


def _p95_ms(asked: list[tuple[float, float, bool]]) -> float:
    return float(np.percentile([1000 * seconds for _, seconds, _ in asked], 95)) if asked else 0.0


def _most_ms(asked: list[tuple[float, float, bool]]) -> float:
    return max((1000 * seconds for _, seconds, _ in asked), default=0.0)


if __name__ == "__main__":
    sys.exit(main())
