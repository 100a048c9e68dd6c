"""Closing of what a command opened, however the command ends."""

from contextlib import ExitStack
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from backend.features.services import Services
    from backend.store.engine import Database

Opened = TypeVar("Opened", "Database", "Services")

_opened: ContextVar[ExitStack | None] = ContextVar("opened", default=None)


def begin() -> ExitStack:
    """Start to collect what is opened. The caller closes the stack, and with it everything collected."""
    stack = ExitStack()
    _opened.set(stack)
    return stack


def closing(opened: Opened) -> Opened:
    """Register something for closing at the end of the running command, and return it."""
    stack = _opened.get()
    if stack is not None:
        database: Any = getattr(opened, "database", opened)
        stack.callback(database.dispose)
    return opened
