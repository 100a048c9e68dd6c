"""API keys in the form users see, and normalization of allowed origins."""

import re
from urllib.parse import urlsplit

from backend.errors import InputError
from backend.features.access import hash_secret, make_secret

PREFIX = "mc_"
_FORM = re.compile(r"mc_[A-Za-z0-9_-]{43}")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def make_token() -> str:
    """A new key: `mc_` and 256 random bits as base64url."""
    return PREFIX + make_secret()


def is_token(text: str) -> bool:
    """Whether a text has the form of a key."""
    return _FORM.fullmatch(text) is not None


def hash_token(token: str) -> bytes:
    """The SHA-256 of a key, 32 bytes."""
    return hash_secret(token)


def normal_origin(raw: str) -> str:
    """Normalize an origin to the form that browsers send: scheme, host, and port unless it is the default one.

    Raises:
        InputError: not a valid origin.
    """
    parts = urlsplit(raw.strip())
    try:
        host = (parts.hostname or "").encode("idna").decode()
        port = parts.port
    except ValueError:
        host, port = "", None
    whole = not (parts.path.strip("/") or parts.query or parts.fragment or parts.username)
    if parts.scheme not in _DEFAULT_PORTS or not host or not whole:
        raise InputError(f"{raw!r} is not a web origin.", hint="Write it like https://blog.example, without a path.")
    if ":" in host:
        host = f"[{host}]"
    return f"{parts.scheme}://{host}" + ("" if port in {None, _DEFAULT_PORTS[parts.scheme]} else f":{port}")
