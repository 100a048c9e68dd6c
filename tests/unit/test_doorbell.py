"""The doorbell before a broker that is away."""

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
