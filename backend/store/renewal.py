"""Keep a claim alive while the work that it is for goes on."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

from backend.errors import MediaclusterError
from backend.store.engine import Database

logger = logging.getLogger(__name__)

_RENEWALS = 3


@contextmanager
def renewed(database: Database, renew: Callable[[Session], object], seconds: float) -> Iterator[None]:
    """Renew a claim of `seconds` in the background, three times in each, until the block is left.

    `renew` gets a session in a transaction of its own. A renewal that fails is logged: recording will tell whether the
    claim still holds.
    """
    left = threading.Event()

    def keep_on() -> None:
        while not left.wait(seconds / _RENEWALS):
            try:
                with database.transaction() as session:
                    renew(session)
            except MediaclusterError as error:
                logger.warning("A claim could not be renewed: %s", error.full_detail)

    renewer = threading.Thread(target=keep_on, name="renewer", daemon=True)
    renewer.start()
    try:
        yield
    finally:
        left.set()
        renewer.join()
