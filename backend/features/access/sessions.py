"""Look-up of the visitor by the secret of the session."""

import threading
from dataclasses import dataclass
from typing import Final

from backend.clock import CLOCK, Clock
from backend.features.access.tokens import csrf_token_of, hash_secret
from backend.store.access import Act, LiveSession, Role, delete_session, find_live_session, record_act, record_visit
from backend.store.engine import Database

# Thumbnails come a hundred at a time. For them, a session is looked up only once in this time.
REMEMBERED_SECONDS: Final = 5.0
_MOST_REMEMBERED: Final = 10_000


@dataclass(frozen=True)
class Visitor:
    """The user of the pages.

    Attributes:
        name: name of the account.
        role: role of the account.
        account_id: None if no login is required.
        session_id: None if no login is required.
        csrf_token: token that unsafe requests must carry.
    """

    name: str
    role: Role
    account_id: int | None
    session_id: int | None
    csrf_token: str

    @property
    def is_admin(self) -> bool:
        return self.role is Role.ADMIN

    @property
    def actor(self) -> str:
        """Name for the journal and the audit log."""
        return "admin" if self.session_id is None else f"account:{self.name}"


ANYBODY: Final = Visitor("admin", Role.ADMIN, None, None, "")
"""The visitor of a library that requires no login."""


class Sessions:
    """The sessions of a database, with a short cache for this process."""

    def __init__(self, database: Database, *, idle_seconds: float, clock: Clock = CLOCK) -> None:
        self._database = database
        self._idle_seconds = idle_seconds
        self._clock = clock
        self._seen: dict[bytes, tuple[float, Visitor]] = {}
        self._lock = threading.Lock()

    def find(self, secret: str, *, remembered: bool = False) -> Visitor | None:
        """The visitor of a session, None if it does not exist or has expired. `remembered` accepts a result from the cache."""
        token_sha256 = hash_secret(secret)
        now = self._clock.monotonic()
        if remembered:
            with self._lock:
                seen_at, visitor = self._seen.get(token_sha256, (float("-inf"), None))
            if visitor is not None and now - seen_at < REMEMBERED_SECONDS:
                return visitor
        with self._database.transaction() as session:
            live = find_live_session(session, token_sha256, idle_seconds=self._idle_seconds)
            if live is not None:
                record_visit(session, live.id)
        found = None if live is None else _visitor(live, secret)
        with self._lock:
            if found is None:
                self._seen.pop(token_sha256, None)
            else:
                if len(self._seen) >= _MOST_REMEMBERED:
                    self._seen.clear()
                self._seen[token_sha256] = (now, found)
        return found

    def end(self, visitor: Visitor, secret: str) -> None:
        """End the session."""
        if visitor.session_id is None:
            return
        with self._lock:
            self._seen.pop(hash_secret(secret), None)
        with self._database.transaction() as session:
            delete_session(session, visitor.session_id)
            record_act(session, visitor.actor, Act.LOGGED_OUT, visitor.name)


def _visitor(live: LiveSession, secret: str) -> Visitor:
    return Visitor(live.name, live.role, live.account_id, live.id, csrf_token_of(secret))
