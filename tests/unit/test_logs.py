"""Log lines: one object each, with the id of the request and nothing that slipped in."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from backend.logs import JsonFormatter, TextFormatter, choose_request_id, request_bound


@pytest.fixture
def logger() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    made = logging.getLogger("tests.logs")
    made.addHandler(handler)
    made.setLevel(logging.DEBUG)
    yield made, stream
    made.removeHandler(handler)


def test_json__one_object_a_line(logger: tuple[logging.Logger, io.StringIO]) -> None:
    log, stream = logger
    with request_bound("order-1"):
        log.info("Media %s\nis ready.", "a", extra={"media_id": "a", "password": "secret"})
    try:
        int("broken")
    except ValueError:
        log.exception("It broke")
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert (first["message"], first["request_id"], first["media_id"]) == ("Media a\nis ready.", "order-1", "a")
    assert (first["level"], first["logger"]) == ("INFO", "tests.logs")
    assert "secret" not in stream.getvalue()
    assert "request_id" not in second
    assert "ValueError: invalid literal" in second["exception"]


def test_text__has_the_fields_at_the_end() -> None:
    record = logging.LogRecord("a", logging.INFO, "p", 1, "Media is ready.", None, None)
    record.media_id = "m"
    with request_bound("r"):
        assert TextFormatter().format(record).endswith("INFO a: Media is ready. [request_id=r media_id=m]")


def test_text__is_one_line_whatever_others_call_their_paths() -> None:
    """Nobody writes lines into the log, nor colours of a terminal."""
    record = logging.LogRecord(
        "a", logging.INFO, "p", 1, "POST %s: 404", ("/x\n2026 INFO a: fake\x1b[31m\x9b\u2028",), None
    )
    record.path = "/x\r\nfake"
    line = TextFormatter().format(record)
    assert line.splitlines() == [line]
    assert r"POST /x\n2026 INFO a: fake\x1b[31m\x9b\u2028: 404 [path=/x\r\nfake]" in line


_FORGED = "bad \x1b[2J\x9b\u2028\u202e\n2026-12-01 04:00:00,000 ERROR a: forged\r2026"


def _record_of_error() -> logging.LogRecord:
    with pytest.raises(ValueError, match="forged") as caught:
        raise ValueError(_FORGED)
    return logging.LogRecord(
        "a", logging.ERROR, "p", 1, "It broke", None, (caught.type, caught.value, caught.tb), sinfo=f"Stack\n{_FORGED}"
    )


def test_text__messages_of_exceptions_start_no_line() -> None:
    """What others wrote reaches the messages of exceptions, and these a traceback."""
    first, *others = TextFormatter().format(_record_of_error()).splitlines()
    assert first.endswith("ERROR a: It broke")
    assert r"  ValueError: bad \x1b[2J\x9b\u2028\u202e" in others
    assert all(line.startswith("  ") for line in others)
    assert sum(r"forged\r2026" in line for line in others) == 2


def test_json__has_nothing_that_a_terminal_obeys() -> None:
    record = _record_of_error()
    record.msg = record.path = _FORGED
    line = JsonFormatter().format(record)
    assert line.splitlines() == [line]
    assert not {"\x1b", "\x9b", "\u2028", "\u202e", "\n", "\r"} & {*line}
    read = json.loads(line)
    assert (read["message"], read["path"]) == (_FORGED, _FORGED)
    assert _FORGED in read["exception"]


@pytest.mark.parametrize("given", ["order-4711", "a", "A.b:c_d-e", "x" * 64])
def test_choose_request_id__a_sane_one_is_kept(given: str) -> None:
    assert choose_request_id(given) == given


@pytest.mark.parametrize("given", [None, "", "x" * 65, "a b", "a\nb", "<script>", "-a", 'a"b', "ä"])
def test_choose_request_id__another_is_replaced(given: str | None) -> None:
    chosen = choose_request_id(given)
    assert chosen != given
    assert len(chosen) == 32
