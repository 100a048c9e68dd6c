"""The library that a command works on, and the actor."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from backend.cli.console import say
from backend.errors import MediaclusterError
from backend.settings import Settings, load_settings

if TYPE_CHECKING:
    from backend.features.services import Services
    from backend.store.access import Act
    from backend.store.engine import Database

ACTOR: Final = "cli"


@contextmanager
def open_services(settings: Settings | None = None) -> "Iterator[Services]":
    """Open the services of the configured library."""
    from backend.bootstrap import build_services

    services = build_services(settings or load_settings())
    try:
        yield services
    finally:
        services.database.dispose()


@contextmanager
def open_database(settings: Settings | None = None) -> Iterator["Database"]:
    """Open the configured database."""
    from backend.bootstrap import open_database as connect

    database = connect(settings or load_settings())
    try:
        yield database
    finally:
        database.dispose()


def actor_name() -> str:
    """The user of this terminal, as the journal records them."""
    try:
        return f"cli:{getpass.getuser()}"
    except (OSError, KeyError):
        return f"cli:{Path.home().name or 'unknown'}"


def note(database: "Database", act: "Act", subject: str, **details: object) -> None:
    """Record an action in the audit log. It has happened by now, so a failure is printed and not raised."""
    from backend.store.access import record_act

    try:
        with database.transaction() as session:
            record_act(session, actor_name(), act, subject, **details)
    except MediaclusterError as error:
        say(f"This could not be written to the audit log: {error.full_detail}")
