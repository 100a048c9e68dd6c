"""Logging as text for people or JSON for machines. Each line has the id of the request that caused it.

A request has an id from its caller or a new one. It is stored with the pictures of an upload, so that workers, whose messages carry no
data, log it too: one grep shows the whole processing of an upload.
"""

import json
import logging
import re
import sys
import traceback
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Literal

from backend.redaction import Redactor

LogFormat = Literal["text", "json"]

_SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
# Fields that a line may have beside its message. Others in `extra` are dropped, so that nothing is logged by accident.
FIELDS = (
    "request_id",
    "media_id",
    "cluster_id",
    "code",
    "method",
    "path",
    "status",
    "duration_ms",
)
# Control characters start new lines and command the terminal, marks of direction reorder what is read. File names and paths come from
# others and may contain them.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_CONTROL_IN_JSON = re.compile("[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


def escape_controls(text: str) -> str:
    """Escape, as Python does, what starts lines, commands a terminal or changes the direction of reading."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def escape_controls_in_json(document: str) -> str:
    """The same document, in which strings contain none of the characters of `escape_controls`. JSON itself forbids those below U+0020."""
    return _CONTROL_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", document)


def current_request_id() -> str | None:
    """The id of the request being processed, None if there is none."""
    return _request_id.get()


def choose_request_id(given: str | None) -> str:
    """The caller's id if it is well-formed (letters, digits, `._:-`, at most 64), otherwise a new one."""
    return given if given is not None and _SANE.fullmatch(given) else uuid.uuid4().hex


@contextmanager
def request_bound(request_id: str | None) -> Iterator[None]:
    """Add this id to all lines logged in the block."""
    token = _request_id.set(request_id)
    try:
        yield
    finally:
        _request_id.reset(token)


def configure_logging(log_format: LogFormat, level: str, secrets: Iterable[str] = ()) -> None:
    """Log to standard error, replacing any earlier configuration. The secrets never appear in a line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(secrets) if log_format == "json" else TextFormatter(secrets))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # These log every address and file that they access, and each look at the schema.
    for name in ("httpx", "httpcore", "urllib3", "filelock", "sentence_transformers", "open_clip", "alembic"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level)))


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time, level, logger, message, the fields above, and the traceback of an exception."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self._redact = Redactor(secrets)

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": self._redact(record.getMessage()),
            **_fields(record),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = self._redact("".join(traceback.format_exception(record.exc_info[1])))
        return self._redact(escape_controls_in_json(json.dumps(line, default=str, ensure_ascii=False)))


class TextFormatter(logging.Formatter):
    """Lines for people, with the fields at the end. Those of a traceback are indented: messages of exceptions may have several lines."""

    def __init__(
        self, secrets: Iterable[str] = (), template: str = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    ) -> None:
        super().__init__(template)
        self._redact = Redactor(secrets)

    def format(self, record: logging.LogRecord) -> str:
        first, *others = super().format(record).split("\n")
        return self._redact("\n".join([first, *(f"  {escape_controls(line)}" for line in others)]))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name in the standard library
        fields = " ".join(f"{name}={value}" for name, value in _fields(record).items())
        line = f"{super().formatMessage(record)} [{fields}]" if fields else super().formatMessage(record)
        return escape_controls(line)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    found = {name: getattr(record, name) for name in FIELDS if getattr(record, name, None) is not None}
    if "request_id" not in found and (request_id := current_request_id()) is not None:
        found = {"request_id": request_id, **found}
    return found
