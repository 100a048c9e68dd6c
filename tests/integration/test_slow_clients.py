"""Clients and processes that stand still in the middle of an upload, and many that wait: nobody else is held up."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from backend.errors import BackendUnavailable
from backend.features.intake import accept_picture
from backend.features.intake import uploads as waiting
from backend.features.services import Services
from backend.files.decoding import Decoders
from backend.files.text import MediaText
from backend.store.engine import Database
from backend.store.media import media as media_queries
from backend.store.media import next_upload_seq
from backend.web.api.app import create_app
from backend.web.api.routes import uploads
from backend.web.middleware import body_limit, heads, turns
from backend.web.server import create_web_app
from scripts.demo_site import serving
from tests.support.clients import Response
from tests.support.waiting import wait_for

UNIT = Path(__file__).parents[1] / "unit" / "files" / "decoding"
PATIENCE_SECONDS = 60.0
DECODE_SECONDS = 7.0
HEAD = (
    b"POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 100000\r\n\r\n"
)
BEGIN = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n\xff\xd8\xff'


@pytest.fixture
def address(services: Services, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Of a server with less patience than usual."""
    monkeypatch.setattr(body_limit, "PATIENCE_SECONDS", 1.5)
    with serving(create_web_app(services)) as started:
        yield started


def test_connections__the_longest_idle_makes_room_and_those_at_work_stay(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "most_connections", lambda: 3)
    with serving(create_web_app(services)) as started, ExitStack() as opened:
        address = (str(urlsplit(started).hostname), urlsplit(started).port or 0)
        host = urlsplit(started).netloc.encode()

        def connect(sent: bytes = b"") -> socket.socket:
            client = opened.enter_context(socket.create_connection(address))
            client.settimeout(PATIENCE_SECONDS)
            client.sendall(sent)
            return client

        at_work = [connect(HEAD % (b"/media", host) + BEGIN)]
        time.sleep(0.2)
        idle = [connect(), connect(b"GET /health/li")]
        time.sleep(0.2)
        asks = b"GET /health/live HTTP/1.1\r\nHost: %s\r\n\r\n" % host
        assert connect(asks).recv(1000).startswith(b"HTTP/1.1 200 ")
        assert idle[0].recv(1000) == b"", "the one that was idle for longest"
        at_work += [connect(HEAD % (b"/media", host) + BEGIN) for _ in range(2)]
        time.sleep(0.2)
        refused = _read_all(connect(asks))
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"backend_unavailable" in refused
        for one in at_work:
            one.setblocking(False)
            with pytest.raises(BlockingIOError):
                one.recv(1)


@pytest.mark.parametrize("path", ["/media", "/admin/upload/file"], ids=["api", "pages"])
def test_upload__a_client_that_stalls_is_refused_and_leaves_nothing(
    address: str, database: Database, make_jpeg: Callable[..., bytes], path: str
) -> None:
    host = urlsplit(address).netloc
    with socket.create_connection((str(urlsplit(address).hostname), urlsplit(address).port or 0)) as stalled:
        stalled.settimeout(PATIENCE_SECONDS)
        stalled.sendall(HEAD % (path.encode(), host.encode()) + BEGIN)
        answer = _read_all(stalled)
    assert answer.startswith(b"HTTP/1.1 408 "), answer
    assert b'"code":"request_timeout"' in answer
    assert b"connection: close" in answer.lower()
    with database.transaction() as session:
        assert session.execute(sa.text("SELECT count(*) FROM media")).scalar_one() == 0
    assert httpx.post(f"{address}/media", files={"file": ("b.jpg", make_jpeg(1))}).status_code == 202


def test_upload__a_client_that_drips_is_refused(address: str) -> None:
    """Never still for as long as it may be, and yet holding its place for nothing."""
    with socket.create_connection((str(urlsplit(address).hostname), urlsplit(address).port or 0)) as dripping:
        dripping.settimeout(PATIENCE_SECONDS)
        dripping.sendall(HEAD % (b"/media", urlsplit(address).netloc.encode()) + BEGIN)
        ended = threading.Event()
        drips = threading.Thread(target=_drip, args=(dripping, ended))
        drips.start()
        answer = _read_all(dripping)
        ended.set()
        drips.join()
    assert answer.startswith(b"HTTP/1.1 408 "), answer


@pytest.mark.parametrize("begin", [b"", b"GET /health/live HTTP/1.1\r\n"], ids=["nothing", "half-a-head"])
def test_head__a_client_that_does_not_send_it_is_left(address: str, begin: bytes) -> None:
    """Whether it stands still or sends a letter now and then."""
    for drips in (False, True):
        with socket.create_connection((str(urlsplit(address).hostname), urlsplit(address).port or 0)) as slow:
            slow.settimeout(PATIENCE_SECONDS)
            slow.sendall(begin)
            ended, began = threading.Event(), time.monotonic()
            dripping = threading.Thread(target=_drip, args=(slow, ended))
            if drips:
                dripping.start()
            assert _read_all(slow) == b""
            assert 1.4 < time.monotonic() - began < PATIENCE_SECONDS / 2
            ended.set()
            if drips:
                dripping.join()


def test_head__of_the_second_request_of_a_connection(address: str) -> None:
    """The first has its answer, however long that takes; and a connection that is only kept has the server's usual time."""
    host = urlsplit(address).netloc.encode()
    with socket.create_connection((str(urlsplit(address).hostname), urlsplit(address).port or 0)) as client:
        client.settimeout(PATIENCE_SECONDS)
        for _ in range(2):
            client.sendall(b"GET /health/live HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
            answer = b""
            while not answer.endswith(b"}"):
                answer += client.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200 ")
            _expect_nothing(client, body_limit.PATIENCE_SECONDS + 0.1)
        began = time.monotonic()
        client.sendall(b"GET /health/live HTTP/1.1\r\nHo")
        assert _read_all(client) == b""
        assert 1.4 < time.monotonic() - began < PATIENCE_SECONDS / 2


def test_upload__one_in_many_pieces_is_taken(address: str, make_jpeg: Callable[..., bytes]) -> None:
    whole = make_jpeg(2, 800, 600)

    def pieces() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
        size = len(whole) // 20 + 1
        for start in range(0, len(whole), size):
            yield whole[start : start + size]
        yield b"\r\n--b--\r\n"

    answer = httpx.post(
        f"{address}/media", content=pieces(), headers={"content-type": "multipart/form-data; boundary=b"}, timeout=60
    )
    assert answer.status_code == 202


def test_upload__whoever_would_be_one_too_many_does_not_wait(
    services: Services, database: Database, make_jpeg: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each that waits holds a thread of the server; and the server lives, whatever its threads do."""
    monkeypatch.setattr(waiting, "_waiting", threading.BoundedSemaphore(1))
    with TestClient(create_app(services)) as client, ThreadPoolExecutor(1) as pool:

        def upload(number: int) -> Response:
            return client.post("/media?wait_seconds=20", files={"file": ("a.jpg", make_jpeg(number))})

        first = pool.submit(upload, 1)
        wait_for(lambda: not waiting._waiting._value)
        assert upload(2).status_code == 202
        assert not first.done()
        with database.transaction() as session:
            session.execute(sa.text("UPDATE media SET status = 'failed', error_code = 'image_corrupt'"))
        assert first.result().status_code == 200


def test_health__lives_where_all_threads_are_at_work(
    services: Services, make_jpeg: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process manager that hears nothing would kill a server that is only busy."""
    held = threading.Event()
    at_work = threading.Semaphore(0)

    def hold(*_args: object) -> None:
        at_work.release()
        held.wait(PATIENCE_SECONDS)

    monkeypatch.setattr(uploads, "_require_count", hold)
    for name in ("_MOST_AT_ONCE", "_MOST_AT_ONCE_EACH"):  # as if something else held the other threads
        monkeypatch.setattr(turns, name, 40)
    with (
        serving(create_web_app(services)) as address,
        httpx.Client(base_url=address, timeout=120) as client,
        ThreadPoolExecutor(40) as pool,
    ):
        try:
            asked = [pool.submit(client.post, "/media", files={"file": ("a.jpg", make_jpeg(1))}) for _ in range(40)]
            for _ in asked:
                assert at_work.acquire(timeout=PATIENCE_SECONDS)
            assert client.get("/health/live", timeout=20).status_code == 200
        finally:
            held.set()
        assert {one.result().status_code for one in asked} <= {200, 202}


def test_accept__a_process_that_stops_in_its_row_loses_its_place(
    services: Services, make_jpeg: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds the lock of the upload order, which all others need: the database ends it after a while."""
    monkeypatch.setattr(media_queries, "_ORDER_IDLE_SECONDS", 0.3)
    with (
        ThreadPoolExecutor(1) as pool,
        pytest.raises(BackendUnavailable),
        services.database.transaction() as stopped,
    ):
        next_upload_seq(stopped)
        other = pool.submit(accept_picture, services, make_jpeg(1), MediaText(), source="test")
        assert not other.result(PATIENCE_SECONDS).duplicate
        stopped.execute(sa.text("SELECT 1"))


def _expect_nothing(client: socket.socket, seconds: float) -> None:
    """Neither an answer nor the end of the connection comes for so long."""
    client.settimeout(seconds)
    with pytest.raises(TimeoutError):
        client.recv(65536)
    client.settimeout(PATIENCE_SECONDS)


def _read_all(client: socket.socket) -> bytes:
    parts = []
    while part := client.recv(65536):
        parts.append(part)
    return b"".join(parts)


def _drip(client: socket.socket, ended: threading.Event) -> None:
    while not ended.wait(0.1):
        try:
            client.sendall(b"x")
        except OSError:
            return


class _SetTimers:
    """What ends decoders that take too long: when the test says so."""

    def __init__(self) -> None:
        self._running: list[Callable[[], None]] = []
        self._is_over = threading.Event()

    def start(self, seconds: float, call: Callable[[], None]) -> Callable[[], None]:
        if seconds != DECODE_SECONDS:  # the start of a process
            return lambda: None
        self._running.append(call)
        if self._is_over.is_set():
            threading.Timer(0.01, call).start()
        return lambda: self._running.remove(call)

    def end_one(self) -> None:
        self._running[0]()

    def end_all(self) -> None:
        self._is_over.set()
        for call in list(self._running):
            call()


def test_slow_files__hold_up_neither_others_nor_the_pages(
    make_services: Callable[..., Services],
    make_key: Callable[..., dict[str, str]],
    make_jpeg: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Sixty uploads of files that occupy a decoder until its time is up: another caller is next, and threads are left."""
    monkeypatch.syspath_prepend(str(UNIT))
    timers = _SetTimers()
    decoders = Decoders(
        processes=2,
        seconds=DECODE_SECONDS,
        memory_bytes=256 * 2**20,
        work="decoder_poison:work",
        start_timer=timers.start,
    )
    services = replace(make_services(authentication="keys", uploads_per_minute=0), decoders=decoders)
    slow, honest = make_key("upload", name="slow"), make_key("upload", name="honest")

    def upload(data: bytes, key: dict[str, str]) -> httpx.Response:
        return client.post("/media", files={"file": ("a.jpg", data)}, headers=key)

    with (
        serving(create_web_app(services)) as address,
        httpx.Client(base_url=address, timeout=120) as client,
        ThreadPoolExecutor(61) as pool,
    ):
        decoders.start()
        stalls = [make_jpeg(1) + f"POISON:stall {tmp_path / 'at'}-{number}".encode() for number in range(60)]
        asked = [pool.submit(upload, data, slow) for data in stalls]
        try:
            # Of sixty, 24 work and 32 wait. The others are told at once.
            wait_for(lambda: sum(one.done() for one in asked) == 4)
            refused = [one.result() for one in asked if one.done()]
            assert [one.status_code for one in refused] == [429] * 4
            assert {(one.json()["code"], one.headers["retry-after"]) for one in refused} == {("rate_limited", "5")}
            # Two of the 24 are being decoded.
            wait_for(lambda: sum(map(len, decoders._slots._waiting.values())) == 22)
            assert client.get("/health/ready", timeout=60).status_code == 200
            other = pool.submit(upload, make_jpeg(2), honest)
            wait_for(lambda: len(decoders._slots._waiting) == 2)
            # The time of two files is up; the callers are served in turn.
            for count in (5, 6):
                timers.end_one()
                wait_for(lambda count=count: sum(one.done() for one in asked) >= count)  # type: ignore[misc]
            assert other.result().status_code == 202
            assert sum(one.done() for one in asked) <= 4 + 2
        finally:
            timers.end_all()
        assert {one.result().status_code for one in asked} == {422, 429}
    decoders.close()
