"""The doorbell before a broker that is away."""

import socket
import threading
from pathlib import Path

import pytest
from kombu.utils import functional

from backend.doorbell import Doorbell, Work, make_celery


def test_ring__waits_for_no_broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each upload rings, in its request: what is slept here, its sender waits."""
    slept: list[float] = []
    monkeypatch.setattr(functional, "sleep", slept.append)  # where kombu waits between two attempts

    assert not Doorbell(make_celery(f"redis+socket://{tmp_path}/gone.sock")).ring(Work.EMBED)

    assert sum(slept) == 0


def test_ring__waits_a_moment_for_a_broker_that_does_not_answer() -> None:
    """It takes the connection, and says nothing. Only the first ring waits, however many files a request has."""
    waited: list[float] = []

    def wait(thread: threading.Thread, seconds: float) -> None:
        waited.append(seconds)
        thread.join(min(seconds, 0.01))

    with socket.create_server(("127.0.0.1", 0)) as silent:
        bell = Doorbell(make_celery(f"redis://127.0.0.1:{silent.getsockname()[1]}/0"), wait=wait)

        assert [bell.ring(Work.EMBED) for _ in range(50)] == [False] * 50

    assert waited == [0.3]
