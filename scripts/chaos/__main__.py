"""Upload while faults are injected, then check the history.

python -m scripts.chaos                      # 2,000 uploads
python -m scripts.chaos --uploads 10000      # the long form
python -m scripts.chaos --seed 7             # the same faults in the same order
python -m scripts.chaos --only restart_broker,replace_one_by_one   # these kinds of faults alone

Exits with 1 and prints the violations and the seed. All traffic stays on this machine; only processes of this run are killed.
"""

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

from backend.files.storage import Storage
from backend.store.engine import Database
from scripts.chaos.clients import Clients
from scripts.chaos.faults import FAULTS, make_schedule
from scripts.chaos.fleet import Fleet, wait_until
from scripts.chaos.history import check_history

_SETTLED = "SELECT count(*) FROM media WHERE status IN ('ready', 'failed')"
# How long uploads may take to start before the next fault.
_IN_FLIGHT_SECONDS = 10.0
_WAITING = "SELECT count(*) FROM media WHERE status NOT IN ('ready', 'failed')"


@dataclass
class Report:
    """Result of a run. `recovery_seconds` are the times from the end of each fault until a picture was ready again, in order."""

    seed: int
    uploads: int
    pictures: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    recovery_seconds: dict[str, list[float]] = field(default_factory=dict)
    answers: dict[str, int] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)
    media: dict[str, int] = field(default_factory=dict)
    replayed: int = 0
    seconds: float = 0.0
    violations: list[str] = field(default_factory=list)


def main() -> int:
    """Run, print the report and return the exit status."""
    arguments = _parse()
    home = Path(arguments.home or tempfile.mkdtemp(prefix="mediacluster-chaos-"))
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o755)  # the database server may run as another user, who needs access
    report = Report(arguments.seed, arguments.uploads)
    begun = time.monotonic()
    try:
        with Fleet(home, arguments.apis, arguments.embed, arguments.light, settings=_settings(arguments)) as fleet:
            _run(fleet, arguments, report)
    finally:
        report.seconds = round(time.monotonic() - begun, 1)
        if arguments.home is None and not report.violations:
            shutil.rmtree(home, ignore_errors=True)
    if arguments.report:
        Path(arguments.report).write_text(json.dumps(asdict(report), indent=2) + "\n", encoding="utf-8")
    _print(report)
    if report.violations:
        print(f"\n{len(report.violations)} violations with --seed {report.seed}; logs in {home / 'logs'}:")
        print("\n".join(f"  {violation}" for violation in report.violations[:50]))
    return bool(report.violations)


def _run(fleet: Fleet, arguments: argparse.Namespace, report: Report) -> None:
    clients = Clients(
        fleet.ports(), count=arguments.uploads, seed=arguments.seed, threads=arguments.clients, pause_seconds=0.02
    )
    report.uploads, report.pictures = clients.total, arguments.uploads
    clients.start()
    chance = random.Random(arguments.seed)  # noqa: S311 - a schedule, not a secret
    count = arguments.faults or max(len(arguments.only), arguments.uploads // 70)
    schedule = make_schedule(arguments.seed, count, arguments.only)
    # A share of the uploads before the first fault, and one during each.
    shares = [clients.total * (place + 1) // (len(schedule) + 1) for place in range(len(schedule))]
    try:
        clients.allow(shares[0])
        if wait_until(lambda: (_count(fleet, _SETTLED) or 0) > 0, arguments.patience) is None:
            report.violations.append("nothing was ready before the first fault")
        for share, after, name in zip(shares, [*shares[1:], clients.total], schedule, strict=True):
            clients.allow(after - share)
            middle = (share + after) // 2
            wait_until(lambda middle=middle: clients.ledger.count() >= middle, _IN_FLIGHT_SECONDS)  # type: ignore[misc]
            _break(fleet, name, chance, arguments, report)
        if wait_until(lambda: clients.are_done, arguments.patience) is None:
            report.violations.append(f"{clients.total - clients.ledger.count()} uploads were never acknowledged")
        if wait_until(lambda: _count(fleet, _WAITING) == 0, arguments.patience) is None:
            report.violations.append(f"{_count(fleet, _WAITING)} media were never settled")
    finally:
        clients.stop()
    report.answers, report.restarts = dict(clients.ledger.answers), dict(fleet.restarts)
    database = Database(fleet.database_url)
    try:
        broken, report.replayed = check_history(
            clients.ledger, database, Storage.open((fleet.home / "storage").as_uri())
        )
    finally:
        database.dispose()
    report.violations += broken
    with psycopg.connect(fleet.database_url) as connection:
        report.media = dict(connection.execute("SELECT status, count(*) FROM media GROUP BY 1").fetchall())


def _break(fleet: Fleet, name: str, chance: random.Random, arguments: argparse.Namespace, report: Report) -> None:
    try:
        what = FAULTS[name](fleet, chance)
    except Exception as error:  # noqa: BLE001 - a fault that cannot be reverted is a finding
        report.violations.append(f"{name}: {error!r}")
        return
    before = _count(fleet, _SETTLED)
    took = wait_until(lambda: _has_moved(fleet, before), arguments.recover)
    report.faults[name] = report.faults.get(name, 0) + 1
    if took is None:
        report.violations.append(f"{name} ({what}): nothing became ready within {arguments.recover:.0f} s")
    else:
        report.recovery_seconds.setdefault(name, []).append(round(took, 1))
    print(f"{name}: {what}; {'never recovered' if took is None else f'recovered in {took:.1f} s'}", flush=True)


def _has_moved(fleet: Fleet, before: int | None) -> bool:
    """Whether something has become ready since, or nothing waits."""
    settled = _count(fleet, _SETTLED)
    return settled is not None and (settled > (before or 0) or _count(fleet, _WAITING) == 0)


def _count(fleet: Fleet, query: str) -> int | None:
    try:
        with psycopg.connect(fleet.database_url, autocommit=True, connect_timeout=5) as connection:
            row = connection.execute(query.encode()).fetchone()
    except psycopg.Error:
        return None
    return int(row[0]) if row else None


def _settings(arguments: argparse.Namespace) -> dict[str, str]:
    return {
        "MEDIACLUSTER_PRESET": "demo",
        "MEDIACLUSTER_AUTHENTICATION": "none",
        "MEDIACLUSTER_UPLOADS_PER_MINUTE": "0",
        "MEDIACLUSTER_LOG_FORMAT": "json",
        "MEDIACLUSTER_TORCH_THREADS": "1",
        "MEDIACLUSTER_SWEEP_INTERVAL_SECONDS": "1",
        "MEDIACLUSTER_LEASE_SECONDS": str(arguments.lease),
        "MEDIACLUSTER_ASSIGN_WAIT_SECONDS": "10",
        "MEDIACLUSTER_STALL_SECONDS": "20",
        "MEDIACLUSTER_MAX_WAIT_SECONDS": "1",
        # A picture whose workers happened to be killed must not be quarantined too easily.
        "MEDIACLUSTER_MAX_ATTEMPTS": "3",
        "MEDIACLUSTER_DECODER_PROCESSES": "1",
    } | ({"MEDIACLUSTER_LABEL_INTERVAL_SECONDS": "3600"} if arguments.quick else {})


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--uploads", type=int, default=2000, help="different pictures")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=int, default=0, help="how many; 0: one in 70 uploads, and each kind once")
    parser.add_argument("--only", type=_read_kinds, default=tuple(FAULTS), help=f"of {', '.join(FAULTS)}")
    parser.add_argument("--clients", type=int, default=6)
    parser.add_argument("--apis", type=int, default=2)
    parser.add_argument("--embed", type=int, default=2)
    parser.add_argument("--light", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="no labels, which load a model in each light worker")
    parser.add_argument("--lease", type=float, default=4.0, help="seconds")
    parser.add_argument("--recover", type=float, default=60.0, help="seconds that work may rest after a fault")
    parser.add_argument("--patience", type=float, default=1800.0, help="seconds for all that is waited for")
    parser.add_argument("--report", default=None, help="where to write the report as JSON")
    parser.add_argument("--home", default=None, help="keep the library here")
    return parser.parse_args()


def _read_kinds(given: str) -> tuple[str, ...]:
    kinds = tuple(dict.fromkeys(filter(None, given.split(","))))
    if not kinds or set(kinds) - set(FAULTS):
        raise argparse.ArgumentTypeError(f"{given!r} is no list of these: {', '.join(FAULTS)}")
    return kinds


def _print(report: Report) -> None:
    say: list[tuple[str, Any]] = [
        ("uploads", f"{report.uploads} of {report.pictures} pictures, seed {report.seed}, {report.seconds:.0f} s"),
        ("answers", report.answers),
        ("media", report.media),
        ("started again", report.restarts),
        ("replayed", report.replayed),
    ]
    for name, value in say:
        print(f"{name:>16}: {value}")
    for name, seconds in sorted(report.recovery_seconds.items()):
        print(
            f"{name:>24}: {report.faults[name]} times, recovered in {median(seconds):.1f} s, at most {max(seconds):.1f}"
        )


if __name__ == "__main__":
    sys.exit(main())
