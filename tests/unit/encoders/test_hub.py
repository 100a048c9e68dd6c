import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import constants

from backend.encoders import Lazy, hub
from backend.errors import EncoderUnavailable
from tests.support.waiting import PATIENCE_SECONDS

COMMIT = "0" * 40


class NotFoundHandler(BaseHTTPRequestHandler):
    """A hub that is up and has nothing."""

    asked: list[str]

    def do_HEAD(self) -> None:
        self.asked.append(self.path)
        self.send_response(404)
        self.send_header("X-Error-Code", "EntryNotFound")
        self.end_headers()

    do_GET = do_HEAD  # noqa: N815

    def log_message(self, *args: object) -> None:
        """Keep quiet."""


def use_hub(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    endpoint = f"http://127.0.0.1:{port}"
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", endpoint + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


@pytest.fixture
def empty_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    NotFoundHandler.asked = []
    server = HTTPServer(("127.0.0.1", 0), NotFoundHandler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    use_hub(monkeypatch, server.server_port)
    yield NotFoundHandler.asked
    server.shutdown()
    server.server_close()


@pytest.fixture
def silent_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Takes connections and never answers, as behind a firewall that swallows packets."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        use_hub(monkeypatch, listening.getsockname()[1])
        monkeypatch.setattr(hub, "_PROBE_SECONDS", 0.2)
        yield listening


def _count_connections(listening: socket.socket) -> int:
    """How many connections wait to be accepted."""
    listening.setblocking(False)
    count = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            listening.accept()[0].close()
            count += 1
    return count


def load_file(cache_dir: Path) -> Callable[[], str]:
    return lambda: huggingface_hub.hf_hub_download("org/name", "weights.bin", cache_dir=cache_dir)


def test_load_model__what_is_here_is_not_asked_for(tmp_path: Path, empty_hub: list[str]) -> None:
    repository = tmp_path / "models--org--name"
    (repository / "snapshots" / COMMIT).mkdir(parents=True)
    (repository / "snapshots" / COMMIT / "weights.bin").write_bytes(b"weights")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)

    path = hub.load_model("The model", load_file(tmp_path), "Hint.")

    assert Path(path).read_bytes() == b"weights"
    assert empty_hub == []
    assert not constants.HF_HUB_OFFLINE


def test_load_model__hub_does_not_have_it(tmp_path: Path, empty_hub: list[str]) -> None:
    with pytest.raises(EncoderUnavailable, match=r"^The model cannot be downloaded: .* Do this\.$"):
        hub.load_model("The model", load_file(tmp_path), "Do this.")

    assert any("weights.bin" in path for path in empty_hub)


def test_load_model__gives_up_fast_where_nobody_answers(tmp_path: Path, silent_hub: socket.socket) -> None:
    with pytest.raises(EncoderUnavailable, match="cannot be reached"):
        hub.load_model("The model", load_file(tmp_path), "Hint.")

    # One question of 0.2 seconds; the libraries ask again and again, and wait longer each time.
    assert _count_connections(silent_hub) == 1
    assert not constants.HF_HUB_OFFLINE


def test_load_model__offline_by_choice(tmp_path: Path, empty_hub: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)

    with pytest.raises(EncoderUnavailable, match="HF_HUB_OFFLINE"):
        hub.load_model("The model", load_file(tmp_path), "Hint.")

    assert empty_hub == []
    assert constants.HF_HUB_OFFLINE


def test_load_model__a_broken_file_is_not_downloaded_again(empty_hub: list[str]) -> None:
    def load() -> None:
        raise ValueError("first line\nsecond line")

    with pytest.raises(EncoderUnavailable, match=r"cannot be loaded: ValueError: first line\. Hint\.$"):
        hub.load_model("The model", load, "Hint.")

    assert empty_hub == []


class WatchedLock:
    """A lock that tells how many have come to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.arrived = threading.Semaphore(0)

    def __enter__(self) -> None:
        self.arrived.release()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_lazy__made_once_by_many_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    lock = WatchedLock()

    def make() -> object:
        if not made:  # the others have come too
            assert all(lock.arrived.acquire(timeout=PATIENCE_SECONDS) for _ in range(8))
        made.append(object())
        return made[-1]

    lazy = Lazy(make)
    monkeypatch.setattr(lazy, "_making", lock)
    got: list[object] = []
    threads = [threading.Thread(target=lambda: got.append(lazy.get())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(made) == 1
    assert got == made * 8


def test_lazy__tries_again_after_a_failure() -> None:
    outcomes = iter([ValueError("no network"), "model"])

    def make() -> object:
        outcome = next(outcomes)
        if isinstance(outcome, ValueError):
            raise outcome
        return outcome

    lazy = Lazy(make)
    with contextlib.suppress(ValueError):
        lazy.get()

    assert not lazy.made
    assert lazy.get() == "model"
