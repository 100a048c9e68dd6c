"""Commands that another process of ours started, and that end with it."""

import os
import threading

_STANDARD_INPUT = 0


def end_with_input() -> None:
    """End this process when its standard input is closed. That happens when its parent ends, however it ends."""
    threading.Thread(target=_exit_at_end_of_input, name="parent", daemon=True).start()


def _exit_at_end_of_input() -> None:
    # Unbuffered, because an interpreter that exits cannot take the lock of a buffer that a thread reads from.
    while os.read(_STANDARD_INPUT, 1024):
        pass
    os._exit(1)
