"""What is made of settings that leave something open."""

import os

import pytest

from backend.bootstrap import count_decoders
from backend.settings import load_settings


@pytest.mark.parametrize(
    ("cores", "configured", "decoders"),
    [(1, None, 2), (2, None, 2), (8, None, 8), (64, None, 16), (8, 3, 3), (1, 40, 40)],
)
def test_decoders__as_configured_or_by_cores(
    monkeypatch: pytest.MonkeyPatch, cores: int, configured: int | None, decoders: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: set(range(cores)), raising=False)

    assert count_decoders(load_settings(_env_file=None, decoder_processes=configured)) == decoders
