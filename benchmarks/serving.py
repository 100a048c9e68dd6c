# ruff: noqa: INP001 - scripts, not a package
"""The whole web application in a process of its own, on a library of given vectors.

Like `mediacluster serve`, without the check of the encoders at startup, because these vectors belong to none.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from backend.bootstrap import build_services
from backend.cli.http_server import serve
from backend.settings import load_settings
from backend.store.engine import Database
from backend.web.server import create_web_app

_START_SECONDS = 60


@contextmanager
def serving(database: Database, *, memory_bytes: int) -> Iterator[str]:
    """Yields the address of the running server. `memory_bytes` limits its vectors in memory."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "DATABASE_URL": database.url,
        "REDIS_URL": "redis://127.0.0.1:1/0",  # not needed for searches
        "MEDIACLUSTER_API_PORT": str(port),
        "MEDIACLUSTER_AUTHENTICATION": "none",
        "MEDIACLUSTER_SEARCH_MEMORY_BYTES": str(memory_bytes),
        "MEDIACLUSTER_LOG_LEVEL": "WARNING",
    }
    server = subprocess.Popen([sys.executable, "-m", "benchmarks.serving"], env=environment, stdout=sys.stderr)
    try:
        _wait(server, f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=30)


def _wait(server: "subprocess.Popen[bytes]", base_url: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            httpx.get(f"{base_url}/health/live", timeout=10, trust_env=False).raise_for_status()
        except httpx.TransportError:
            time.sleep(0.2)
        else:
            return
    raise SystemExit("The server did not come up.")


def main() -> None:
    settings = load_settings()
    services = build_services(settings)
    try:
        serve(create_web_app(services), settings)
    finally:
        services.database.dispose()


if __name__ == "__main__":
    main()
