"""Removal of secrets from texts.

A driver's message about an unreachable server may contain keys and addresses. So such messages go only to logs and the command line,
and even there without credentials.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

HIDDEN = "***"
# Shorter secrets occur inside ordinary words.
_LEAST_LENGTH = 4
_USER = re.compile(r"//([^/?#\s]*)@")
_PARAMETER = re.compile(r"[?&]([^=&#\s]+)=([^&#\s]*)")
# File system options that say where something is, not how to authenticate.
_HARMLESS = frozenset(
    {
        "account_name",
        "acl",
        "addressing_style",
        "anon",
        "auth_mechanism",
        "endpoint_url",
        "host",
        "profile",
        "project",
        "protocol",
        "region",
        "region_name",
        "signature_version",
        "StorageClass",
        "ServerSideEncryption",
        "user",
        "username",
    }
)
# Postgres reports all values of a rejected row, or those of a key.
_ROW = re.compile(r"(Failing row contains )\(.*?\)(?=\.(?:\n|\\n|\"|$))", re.DOTALL)
_KEY = re.compile(
    r"(Key \([^\n]*?\)=)\(.*?\)(?= (?:already exists|is not present|is still referenced|conflicts))", re.DOTALL
)
# It quotes JSON that it rejected, up to the end of the line. What is hidden already is left alone, as the end of a line that
# was made JSON since cannot be told from its words.
_JSON = re.compile(r"(JSON data, line \d+: )(?!\*\*\*)[^\n]*")
# Credentials among the parameters of a libpq URL.
_LIBPQ_SECRETS = frozenset({"password", "sslpassword"})


class Redactor:
    """Replaces secrets in texts, and values of rows and of JSON that Postgres rejected, by three asterisks."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = {form for secret in secrets for form in _forms(secret) if len(secret) >= _LEAST_LENGTH}
        # Longest first, because one may be part of another.
        ordered = sorted(known, key=lambda secret: (-len(secret), secret))
        self._pattern = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def __call__(self, words: str) -> str:
        if "DETAIL:" in words:
            words = _KEY.sub(rf"\1({HIDDEN})", _ROW.sub(rf"\1({HIDDEN})", words))
        if "JSON data, line" in words:
            words = _JSON.sub(rf"\1{HIDDEN}", words)
        return words if self._pattern is None else self._pattern.sub(HIDDEN, words)


def server_secrets(url: str) -> Iterator[str]:
    """The password in the URL of a database or a broker."""
    for user in _USER.findall(url):
        _name, _colon, password = user.partition(":")
        yield password
    yield from (value for name, value in _PARAMETER.findall(url) if name in _LIBPQ_SECRETS)


def storage_secrets(url: str, options: Mapping[str, Any]) -> Iterator[str]:
    """Parts of the storage's URL and options that may be credentials: all values except those known to be harmless."""
    for user in _USER.findall(url):
        yield from user.split(":", 1)
    yield from (value for _name, value in _PARAMETER.findall(url))
    for name, value in options.items():
        if isinstance(value, Mapping):
            yield from storage_secrets("", value)
        elif isinstance(value, str):
            yield from storage_secrets(value, {})
            if name not in _HARMLESS:
                yield value
                # As in AccountName=...;AccountKey=...
                yield from (piece.partition("=")[2] for piece in value.split(";") if ";" in value)


def without_credentials(url: str) -> str:
    """A URL without user, password and parameters, to show to people."""
    return _USER.sub("//", url.partition("?")[0])


def _forms(secret: str) -> Iterator[str]:
    """A secret as written, as decoded, and each as it appears in JSON."""
    for form in {secret, unquote(secret)}:
        yield form
        yield json.dumps(form, ensure_ascii=False)[1:-1]
