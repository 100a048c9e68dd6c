"""Look at processes that may die at any moment."""

from collections.abc import Iterator
from contextlib import suppress

import psutil


def is_alive(pid: int) -> bool:
    """Whether the process runs. A zombie is dead: it only waits for its parent to hear of it."""
    try:
        return psutil.Process(pid).status() not in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
    except psutil.NoSuchProcess:
        return False


def children_with(words: str, parent: int) -> Iterator[psutil.Process]:
    """Living descendants of `parent` whose command line contains `words`."""
    for process in psutil.Process(parent).children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it has died since it was listed; a zombie has no command line
            if words in " ".join(process.cmdline()):
                yield process
