"""Loading of encoders: what it does to the process that loads them."""

import gc
from types import SimpleNamespace
from typing import Any

import pytest

from backend.encoders import EncoderNames, Encoders, encoders
from backend.errors import EncoderUnavailable
from backend.settings import Settings


@pytest.mark.parametrize("was_enabled", [True, False])
def test_load__pauses_the_collector_of_garbage_and_leaves_it_as_it_was(
    monkeypatch: pytest.MonkeyPatch, was_enabled: bool
) -> None:
    """Also where loading fails."""
    seen: list[bool] = []

    def load(*_: object) -> None:
        seen.append(gc.isenabled())
        raise EncoderUnavailable("There is no such model.")

    runtimes: Any = SimpleNamespace(image=SimpleNamespace(name="torch"))
    monkeypatch.setattr(encoders, "find_runtime", lambda _name: SimpleNamespace(load_image=load))
    pair = Encoders(Settings(_env_file=None), EncoderNames("none", None, "none"), lambda: runtimes)
    try:
        if not was_enabled:
            gc.disable()
        with pytest.raises(EncoderUnavailable):
            pair.load()
        assert gc.isenabled() is was_enabled
        with pytest.raises(EncoderUnavailable):
            _ = pair.image
        assert gc.isenabled() is was_enabled
    finally:
        gc.enable()
    assert seen == [False, False]
