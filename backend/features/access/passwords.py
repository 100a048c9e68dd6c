"""Passwords: Argon2id (RFC 9106, its second recommended set of parameters: 64 MiB, 3 passes, 4 lanes)."""

import threading
import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from argon2.profiles import RFC_9106_LOW_MEMORY

from backend.errors import InputError

LEAST_CHARACTERS = 12
MOST_CHARACTERS = 500

_hasher = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
# Each takes 64 MiB; whoever sends many logins at once shall not take all memory.
_turns = threading.BoundedSemaphore(2)


def require_good(password: str) -> None:
    """Raises InputError. Length is what counts (NIST SP 800-63B); no rules on what is in it."""
    if not LEAST_CHARACTERS <= len(password) <= MOST_CHARACTERS or "\0" in password:
        raise InputError(
            f"A password must have {LEAST_CHARACTERS} to {MOST_CHARACTERS} characters.",
            hint="A few words in a row make a good password.",
        )


def hash_password(password: str) -> str:
    """The hash with its parameters and its salt, as it is stored."""
    with _turns:
        return _hasher.hash(_normal(password))


def is_password(password_hash: str | None, password: str) -> bool:
    """Whether it is the one. Where there is no hash to compare with, it takes as long, and is not."""
    with _turns:
        try:
            _hasher.verify(password_hash or _nobodys_hash(), _normal(password))
        except (VerifyMismatchError, InvalidHashError):
            return False
    return password_hash is not None


def is_outdated(password_hash: str) -> bool:
    """Whether it was made with other parameters than a new one would be."""
    return _hasher.check_needs_rehash(password_hash)


def _normal(password: str) -> bytes:
    # The same characters come composed from one keyboard and decomposed from another.
    return unicodedata.normalize("NFKC", password[: MOST_CHARACTERS + 1]).encode("utf-8", "surrogatepass")


@cache
def _nobodys_hash() -> str:
    return _hasher.hash("nobody has this one")
