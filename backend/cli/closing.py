"""Close what a command has opened when the command ends, however it does."""

from contextlib import ExitStack
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from backend.features.services import Services
    from backend.store.engine import Database

Opened = TypeVar("Opened", "Database", "Services")

_opened: ContextVar[ExitStack | None] = ContextVar("opened", default=None)


def begin() -> ExitStack:
    """Whatever is opened from now on is closed with this, which is the caller's to close."""
    stack = ExitStack()
    _opened.set(stack)
    return stack


def closing(opened: Opened) -> Opened:
    """Hand it out, with its connections to be closed at the end of the command that is running."""
    stack = _opened.get()
    if stack is not None:
        database: Any = getattr(opened, "database", opened)
        stack.callback(database.dispose)
    return opened
