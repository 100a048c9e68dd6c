"""The runtimes, by name. To add one: `RuntimeName` in `settings`; nothing here changes.

A name in `RuntimeName` is the registration; the module of that name holds the value.
"""

from functools import cache
from importlib import import_module
from typing import Final, get_args

from backend.encoders.runtimes.base import EncoderRuntime
from backend.settings import RuntimeName

RUNTIME_NAMES: Final[tuple[RuntimeName, ...]] = get_args(RuntimeName)
"""The names in the order of preference: `auto` takes the last that offers itself. The first, torch, always does."""


@cache
def find_runtime(name: RuntimeName) -> EncoderRuntime:
    """The runtime with this name. Imports nothing heavy."""
    module = import_module(f"backend.encoders.runtimes.{name.replace('-', '_')}")
    runtime: EncoderRuntime = module.RUNTIME
    return runtime


def list_runtimes() -> list[EncoderRuntime]:
    """All runtimes, in the order of preference."""
    return [find_runtime(name) for name in RUNTIME_NAMES]
