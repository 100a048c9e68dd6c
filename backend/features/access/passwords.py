"""Password hashing with Argon2id (RFC 9106, second recommended parameters: 64 MiB, 3 passes, 4 lanes)."""

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
# A hash takes 64 MiB, so many logins at once must not run in parallel.
_turns = threading.BoundedSemaphore(2)


def require_good(password: str) -> None:
    """Raise InputError for a bad password. Only its length counts (NIST SP 800-63B)."""
    if not LEAST_CHARACTERS <= len(password) <= MOST_CHARACTERS or "\0" in password:
        raise InputError(
            f"A password must have {LEAST_CHARACTERS} to {MOST_CHARACTERS} characters.",
            hint="A few words in a row make a good password.",
        )


def hash_password(password: str) -> str:
    """Hash a password. The result contains parameters and salt."""
    with _turns:
        return _hasher.hash(_normal(password))


def is_password(password_hash: str | None, password: str) -> bool:
    """Whether the password matches. Without a hash, takes as long and returns False."""
    with _turns:
        try:
            _hasher.verify(password_hash or _nobodys_hash(), _normal(password))
        except (VerifyMismatchError, InvalidHashError):
            return False
    return password_hash is not None


def is_outdated(password_hash: str) -> bool:
    """Whether the hash was made with other parameters than a new one would be."""
    return _hasher.check_needs_rehash(password_hash)


def _normal(password: str) -> bytes:
    # Keyboards differ in whether they send composed or decomposed characters.
    return unicodedata.normalize("NFKC", password[: MOST_CHARACTERS + 1]).encode("utf-8", "surrogatepass")


@cache
def _nobodys_hash() -> str:
    return _hasher.hash("a dummy password")
