"""Random secrets, shown once and stored as hashes."""

import base64
import hashlib
import hmac
import secrets

_BYTES = 32


def make_secret() -> str:
    """Create a secret: 256 random bits as base64url, 43 characters."""
    return base64.urlsafe_b64encode(secrets.token_bytes(_BYTES)).rstrip(b"=").decode()


def hash_secret(secret: str) -> bytes:
    """SHA-256 of a secret, 32 bytes. Random 256 bits need neither salt nor stretching."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def csrf_token_of(session_secret: str) -> str:
    """CSRF token of a session. It is derived from the cookie, which scripts cannot read, and does not reveal it."""
    digest = hmac.new(session_secret.encode(), b"csrf", hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def is_csrf_token(session_secret: str, given: str) -> bool:
    return hmac.compare_digest(csrf_token_of(session_secret).encode(), given.encode("utf-8", "surrogatepass"))
