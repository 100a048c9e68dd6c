"""Upload all kinds of malformed files to a library of its own, and import all kinds of malformed sidecars and manifests.

python -m scripts.fuzz                 # 2,600 files and 2,600 sidecars
python -m scripts.fuzz --files 10000 --seed 7

Exits with 1 if a file was neither accepted nor refused for a valid reason, if a sidecar refused its picture, or if memory grew without
bounds.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from starlette.testclient import TestClient

from backend.bootstrap import build_services
from backend.embedded import ensure_servers, stop_servers
from backend.files.limits import Limits
from backend.settings import MEBIBYTE, load_settings
from backend.store.migrate import upgrade
from backend.web.server import create_web_app
from scripts.fuzz.sidecars import BesideReport, make_sidecars, read_zoo
from scripts.fuzz.uploading import ZooReport, upload_zoo
from scripts.fuzz.zoo import make_zoo

GROWN_LIMIT_BYTES = 512 * MEBIBYTE


def main() -> int:
    """Run, print the results and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=2600)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    for name in [name for name in os.environ if name.startswith(("MEDIACLUSTER_", "DATABASE_URL", "REDIS_URL"))]:
        del os.environ[name]
    home = Path(tempfile.mkdtemp(prefix="mediacluster-fuzz-"))
    home.chmod(0o755)
    servers = ensure_servers(home)
    begun = time.monotonic()
    try:
        settings = load_settings(
            _env_file=None,
            home=home,
            preset="demo",
            authentication="none",
            uploads_per_minute=0,
            database_url=servers.database_url,
            redis_url=servers.redis_url,
        )
        services = build_services(settings)
        upgrade(services.database.engine)
        # A host name that the server accepts. Other names are refused before the request is read.
        app = create_web_app(services)
        with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
            report = upload_zoo(client, services, make_zoo(arguments.seed, arguments.files))
        services.database.dispose()
    finally:
        stop_servers(home)
        shutil.rmtree(home, ignore_errors=True)
    beside = read_zoo(make_sidecars(arguments.seed, arguments.files), Limits.from_settings(settings))
    report.violations += beside.violations
    if report.grown_bytes > GROWN_LIMIT_BYTES:
        report.violations.append(f"the process grew by {report.grown_bytes:,} bytes")
    _print_beside(beside)
    _print(report, arguments, time.monotonic() - begun)
    return bool(report.violations)


def _print_beside(report: BesideReport) -> None:
    for kind, outcomes in sorted(report.by_kind.items()):
        print(f"{kind:>20}: {', '.join(f'{count} {outcome}' for outcome, count in outcomes.most_common())}")
    print(
        f"sidecars: the slowest took {report.slowest_seconds:.1f} s, the greediest {report.most_bytes / MEBIBYTE:.0f} MiB"
    )


def _print(report: ZooReport, arguments: argparse.Namespace, seconds: float) -> None:
    for kind, codes in sorted(report.by_kind.items()):
        print(f"{kind:>20}: {', '.join(f'{count} {code}' for code, count in codes.most_common())}")
    print(f"{arguments.files} files of seed {arguments.seed} in {seconds:.0f} s: {dict(report.codes.most_common())}")
    print(f"afterwards {report.statuses}; the process grew by {report.grown_bytes / MEBIBYTE:.0f} MiB")
    print(f"{len(report.violations)} violations")
    print("\n".join(f"  {violation}" for violation in report.violations[:50]))


if __name__ == "__main__":
    sys.exit(main())
