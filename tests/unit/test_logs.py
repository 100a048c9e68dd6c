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


@pytest.mark.parametrize("given", ["order-4711", "a", "A.b:c_d-e", "x" * 64])
def test_choose_request_id__a_sane_one_is_kept(given: str) -> None:
    assert choose_request_id(given) == given


@pytest.mark.parametrize("given", [None, "", "x" * 65, "a b", "a\nb", "<script>", "-a", 'a"b', "ä"])
def test_choose_request_id__another_is_replaced(given: str | None) -> None:
    chosen = choose_request_id(given)
    assert chosen != given
    assert len(chosen) == 32
