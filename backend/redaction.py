"""Secrets of the settings, and words without them.

What a driver says of a server that it cannot reach may name keys and addresses that it was given. So such words are for
logs and the command line only, and even there without what lets somebody in.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

HIDDEN = "***"
# Shorter ones stand in half of all words.
_LEAST_LENGTH = 4
_USER = re.compile(r"//([^/?#\s]*)@")
_PARAMETER = re.compile(r"[?&]([^=&#\s]+)=([^&#\s]*)")
# Options of file systems that say where something is, not how to get in.
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
# What Postgres tells of a row that it refused: all its values, or those of a key.
_ROW = re.compile(r"(Failing row contains )\(.*?\)(?=\.(?:\n|\\n|\"|$))", re.DOTALL)
_KEY = re.compile(
    r"(Key \([^\n]*?\)=)\(.*?\)(?= (?:already exists|is not present|is still referenced|conflicts))", re.DOTALL
)
# Parameters of a libpq URL that let somebody in.
_LIBPQ_SECRETS = frozenset({"password", "sslpassword"})


class Redactor:
    """Replaces secrets in texts by three asterisks, and the values of rows that Postgres refused."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = {form for secret in secrets for form in _forms(secret) if len(secret) >= _LEAST_LENGTH}
        # The longest first: one may be part of another.
        ordered = sorted(known, key=lambda secret: (-len(secret), secret))
        self._pattern = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def __call__(self, words: str) -> str:
        if "DETAIL:" in words:
            words = _KEY.sub(rf"\1({HIDDEN})", _ROW.sub(rf"\1({HIDDEN})", words))
        return words if self._pattern is None else self._pattern.sub(HIDDEN, words)


def server_secrets(url: str) -> Iterator[str]:
    """The password in the URL of a database or a broker."""
    for user in _USER.findall(url):
        _name, _colon, password = user.partition(":")
        yield password
    yield from (value for name, value in _PARAMETER.findall(url) if name in _LIBPQ_SECRETS)


def storage_secrets(url: str, options: Mapping[str, Any]) -> Iterator[str]:
    """What of the storage's URL and options may let somebody in: all words but those that are known to be harmless."""
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
    """A URL as it can be shown: no user, no password, no parameters."""
    return _USER.sub("//", url.partition("?")[0])


def _forms(secret: str) -> Iterator[str]:
    """As it was written, as it is meant, and as each stands in JSON."""
    for form in {secret, unquote(secret)}:
        yield form
        yield json.dumps(form, ensure_ascii=False)[1:-1]
