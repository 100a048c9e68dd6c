"""A server that is told to end: what is under way is answered first; told twice, it ends at once."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from backend.settings import Settings
from backend.store.engine import Database
from tests.support.waiting import PATIENCE_SECONDS, wait_for


@dataclass
class Server:
    """`mediacluster serve` in a process of its own."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def post(self, picture: bytes, wait_seconds: float) -> httpx.Response:
        """Upload and wait; there is no worker, so the whole time passes."""
        return httpx.post(
            f"http://127.0.0.1:{self.port}/media",
            params={"wait_seconds": wait_seconds},
            files={"file": ("a.jpg", picture)},
            timeout=PATIENCE_SECONDS,
        )

    def accepts(self) -> bool:
        """Whether anybody listens."""
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0


@pytest.fixture
def server(settings: Settings, tmp_path: Path) -> Iterator[Server]:
    assert settings.database_url is not None
    assert settings.redis_url is not None
    own = {name: value for name, value in os.environ.items() if not name.startswith("MEDIACLUSTER_")} | {
        "MEDIACLUSTER_HOME": str(settings.home),
        "MEDIACLUSTER_PRESET": "demo",
        "MEDIACLUSTER_VECTOR_SERVICE": "off",
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "REDIS_URL": settings.redis_url.get_secret_value(),
    }
    command = [sys.executable, "-m", "backend.cli", "serve", "--port", "0"]
    log = tmp_path / "log"
    with (
        log.open("wb") as written,
        subprocess.Popen(command, env=own, cwd=tmp_path, stdout=written, stderr=subprocess.STDOUT) as run,
    ):
        try:
            running = wait_for(lambda: re.search(r"Uvicorn running on http://127\.0\.0\.1:(\d+)", log.read_text()))
            assert running is not None
            yield Server(run, int(running[1]), log)
        finally:
            run.kill()


@contextmanager
def uploading(
    server: Server, database: Database, picture: bytes, wait_seconds: float
) -> Iterator[Future[httpx.Response]]:
    """An upload whose row is there and whose answer is not."""

    def is_there() -> bool:
        with database.transaction() as session:
            return session.execute(sa.text("SELECT count(*) FROM media")).scalar_one() == 1

    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(server.post, picture, wait_seconds)
        wait_for(is_there)
        yield answer


def test_serve__told_to_end_answers_what_is_under_way(
    server: Server, database: Database, make_jpeg: Callable[..., bytes]
) -> None:
    with uploading(server, database, make_jpeg(1), 3) as answer:
        server.process.terminate()
        assert answer.result().status_code == 202
    assert server.process.wait(PATIENCE_SECONDS) == 0


def test_serve__told_twice_ends_at_once(server: Server) -> None:
    """A client that sends half its upload and stands still would hold up the end for as long as it may."""
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"POST /media HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n")
        client.sendall(b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n")
        wait_for(lambda: httpx.get(f"http://127.0.0.1:{server.port}/health/live").status_code == 200)
        server.process.send_signal(signal.SIGTERM)
        wait_for(lambda: not server.accepts())
        assert server.process.poll() is None
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(PATIENCE_SECONDS)
    # What uvicorn says where the second signal was not heard and the time was over.
    assert "timeout graceful shutdown exceeded" not in server.log.read_text()
