"""Secrets that are handed out once and recognised by their hash."""

import base64
import hashlib
import hmac
import secrets

_BYTES = 32


def make_secret() -> str:
    """256 random bits as base64url, 43 characters."""
    return base64.urlsafe_b64encode(secrets.token_bytes(_BYTES)).rstrip(b"=").decode()


def hash_secret(secret: str) -> bytes:
    """Its SHA-256, 32 bytes. It needs neither salt nor stretching: nobody can guess 256 bits."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def csrf_token_of(session_secret: str) -> str:
    """What pages of a session send back: it follows from the cookie, which scripts cannot read, and not the reverse."""
    digest = hmac.new(session_secret.encode(), b"csrf", hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def is_csrf_token(session_secret: str, given: str) -> bool:
    return hmac.compare_digest(csrf_token_of(session_secret).encode(), given.encode("utf-8", "surrogatepass"))
