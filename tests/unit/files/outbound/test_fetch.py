import gzip
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from backend.errors import FetchFailed, FetchTimeout, FetchTooLarge, UrlForbidden
from backend.files.limits import FetchPolicy
from backend.files.outbound import fetch_url
from backend.files.outbound.connection import Deadline, PinnedBackend
from tests.support.clock import SetClock
from tests.support.limits import make_fetch_policy, make_limits
from tests.support.ports import closed_port

BODY = b"\x89PNG and so on" * 100
LIMITS = make_limits(max_body_bytes=len(BODY))
DRIP_SECONDS = 30.0  # by the clock of the server, which the fetch looks at


class Server(ThreadingHTTPServer):
    """Listens on the loopback; `seen` collects (path, headers) of the requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.clock = SetClock()

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


class Handler(BaseHTTPRequestHandler):
    """Answers by path."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self.server.seen.append((self.path, dict(self.headers)))
        name, _, rest = self.path.lstrip("/").partition("/")
        getattr(self, f"answer_{name}", self.answer_404)(rest)

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for key, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def answer_404(self, rest: str) -> None:
        self.answer(404, b"not here")

    def answer_ok(self, rest: str) -> None:
        self.answer(200, BODY)

    def answer_named(self, rest: str) -> None:
        self.answer(200, BODY, Content_Disposition="attachment; filename*=UTF-8''..%2FM%C3%B6we.png")

    def answer_misnamed(self, rest: str) -> None:
        self.answer(200, BODY, Content_Disposition=f"attachment; {unquote(rest)}")

    def answer_large(self, rest: str) -> None:
        self.answer(200, BODY + b"x")

    def answer_endless(self, rest: str) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with_length = b"%x\r\n%s\r\n" % (1000, b"x" * 1000)
        try:
            while True:
                self.wfile.write(with_length)
        except OSError:
            self.close_connection = True

    def answer_drip(self, rest: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        try:
            for _ in range(200):
                self.wfile.write(b"x")
                self.server.clock.pass_by(DRIP_SECONDS)
        except OSError:
            self.close_connection = True

    def answer_short(self, rest: str) -> None:
        self.answer(200, BODY[:50], Content_Length=str(len(BODY)))
        self.close_connection = True

    def answer_gzip(self, rest: str) -> None:
        self.answer(200, gzip.compress(BODY), Content_Encoding="gzip")

    def answer_to(self, rest: str) -> None:
        self.answer(302, Location=rest, Set_Cookie="session=1; Path=/")

    def answer_hops(self, rest: str) -> None:
        self.answer(307, Location=f"/hops/{int(rest) - 1}" if int(rest) > 1 else "/ok/end.png")

    def answer_nowhere(self, rest: str) -> None:
        self.answer(302)

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server()
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as one:
        yield one


def policy_for(server: Server, **changes: Any) -> FetchPolicy:
    values: dict[str, Any] = {
        "ports": (server.server_port,),
        "allow_private": True,
        "connect_seconds": 2.0,
        "total_seconds": 5.0,
    }
    return make_fetch_policy(**(values | changes))


def address(server: Server, path: str, host: str = "127.0.0.1") -> str:
    return f"http://{host}:{server.server_port}/{path}"


def test_fetch_url__body_url_and_name(server: Server) -> None:
    url = address(server, "ok/a%20picture.png?size=2#part")

    fetched = fetch_url(url, policy_for(server), LIMITS)

    assert fetched.data == BODY
    assert fetched.final_url == address(server, "ok/a%20picture.png?size=2")
    assert fetched.filename == "a picture.png"
    ((path, headers),) = server.seen
    assert path == "/ok/a%20picture.png?size=2"
    assert headers["Accept-Encoding"] == "identity"
    assert headers["Host"] == f"127.0.0.1:{server.server_port}"


def test_fetch_url__name_from_the_server_is_made_safe(server: Server) -> None:
    assert fetch_url(address(server, "named/x"), policy_for(server), LIMITS).filename == "Möwe.png"


@pytest.mark.parametrize(
    "parameters",
    [
        "filename*=utf-8''a; filename*0*=x",
        "filename*=idna''%ff.a",
        "filename*=a%00b''x",
    ],
    ids=["numbered-twice", "codec", "codec-name"],
)
def test_fetch_url__name_that_cannot_be_read_is_that_of_the_url(server: Server, parameters: str) -> None:
    fetched = fetch_url(address(server, f"misnamed/{quote(parameters)}/x.png"), policy_for(server), LIMITS)

    assert (fetched.filename, fetched.is_named) == ("x.png", False)


def test_fetch_url__private_address_is_never_asked(server: Server) -> None:
    for host in ("127.0.0.1", "localhost", "127.1", "[::ffff:127.0.0.1]"):
        with pytest.raises(UrlForbidden):
            fetch_url(address(server, "ok", host), policy_for(server, allow_private=False), LIMITS)

    assert server.seen == []


def test_fetch_url__redirects_to_the_end(server: Server) -> None:
    fetched = fetch_url(address(server, "hops/3"), policy_for(server), LIMITS)

    assert fetched.data == BODY
    assert fetched.final_url == address(server, "ok/end.png")
    assert fetched.filename == "end.png"


def test_fetch_url__too_many_redirects(server: Server) -> None:
    with pytest.raises(FetchFailed, match="more than 3 times"):
        fetch_url(address(server, "hops/4"), policy_for(server), LIMITS)

    assert len(server.seen) == 4


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://[fe80::1]/",
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "http://127.0.0.1:1/",
        "http://user:pass@127.0.0.1/",
        "http://0.0.0.0/",
        "//169.254.169.254/",
        "http://[::",
    ],
)
def test_fetch_url__redirects_are_checked_again(server: Server, target: str) -> None:
    policy = policy_for(server, ports=(server.server_port, 80))

    with pytest.raises(UrlForbidden):
        fetch_url(address(server, f"to/{target}"), policy, LIMITS)

    assert len(server.seen) == 1


@pytest.mark.parametrize("host", ["xn--ls8h.invalid", "xn--", "xn--a.invalid"])
def test_fetch_url__redirect_to_a_name_that_is_not_unicode(server: Server, host: str) -> None:
    policy = policy_for(server, ports=(server.server_port, 80))

    with pytest.raises((FetchFailed, FetchTimeout)):
        fetch_url(address(server, f"to/http://{host}/"), policy, LIMITS)


def test_fetch_url__carries_no_cookies(server: Server) -> None:
    fetch_url(address(server, f"to/{address(server, 'ok')}"), policy_for(server), LIMITS)

    assert [path for path, _ in server.seen][-1] == "/ok"
    assert "Cookie" not in server.seen[-1][1]


def test_fetch_url__asks_no_proxy(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert fetch_url(address(server, "ok"), policy_for(server), LIMITS).data == BODY


def resolver(monkeypatch: pytest.MonkeyPatch, answers: dict[str, list[list[str]]]) -> None:
    """Let the names in `answers` resolve to their lists in turn; all else goes to the real resolver."""
    real = socket.getaddrinfo

    def resolve(host: str, port: int, *args: Any, **options: Any) -> list[Any]:
        if host not in answers:
            return real(host, port, *args, **options)
        return [entry for one in answers[host].pop(0) for entry in real(one, port, *args, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


def test_fetch_url__name_is_resolved_once(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    # The second answer is what an attacker's name server would say after the check.
    answers = {"rebind.test": [["127.0.0.1"], ["169.254.169.254"]]}
    resolver(monkeypatch, answers)

    assert fetch_url(address(server, "ok", "rebind.test"), policy_for(server), LIMITS).data == BODY
    assert answers["rebind.test"] == [["169.254.169.254"]]
    assert server.seen[0][1]["Host"] == f"rebind.test:{server.server_port}"


def test_fetch_url__one_forbidden_address_forbids_the_name(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    resolver(monkeypatch, {"mixed.test": [["127.0.0.1", "169.254.169.254"]]})

    with pytest.raises(UrlForbidden, match=r"mixed\.test resolves to 169\.254\.169\.254"):
        fetch_url(address(server, "ok", "mixed.test"), policy_for(server), LIMITS)
    assert server.seen == []


def test_fetch_url__next_address_when_the_first_refuses(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    resolver(monkeypatch, {"two.test": [["127.0.0.2", "127.0.0.1"]]})

    assert fetch_url(address(server, "ok", "two.test"), policy_for(server), LIMITS).data == BODY


@pytest.mark.parametrize("path", ["large", "endless"])
def test_fetch_url__too_large(server: Server, path: str) -> None:
    with pytest.raises(FetchTooLarge):
        fetch_url(address(server, path), policy_for(server), LIMITS)


def test_fetch_url__drip_ends_in_time(server: Server) -> None:
    """Each byte comes in time, and all of them take too long. After them the connection ends, which would be no timeout."""
    policy = policy_for(server, total_seconds=20 * DRIP_SECONDS)

    with pytest.raises(FetchTimeout):
        fetch_url(address(server, "drip"), policy, LIMITS, clock=server.clock)


@contextmanager
def raw_server(*pieces: bytes, clock: SetClock | None = None) -> Iterator[int]:
    """Serve one connection with `pieces`, whatever is asked. Returns the port.

    By a clock, each piece takes `DRIP_SECONDS`, and the last one is the end. Else the connection stays open.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def serve() -> None:
        with suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                for piece in pieces:
                    connection.sendall(piece)
                    if clock is not None:
                        clock.pass_by(DRIP_SECONDS)
                if clock is None:
                    ended.wait()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        ended.set()
        # Where nobody has connected, whose time was over before, it still waits for that.
        socket.create_connection(listener.getsockname()).close()
        thread.join()
        listener.close()


@pytest.mark.parametrize(
    "pieces", [[b"HTTP/1.1 200 OK\r\n", *[b"X-A: b\r\n"] * 40], [b"HTTP/1.1 100 Continue\r\n\r\n"] * 40]
)
def test_fetch_url__slow_headers_end_in_time(pieces: list[bytes]) -> None:
    clock = SetClock()
    with raw_server(*pieces, clock=clock) as port:
        policy = make_fetch_policy(ports=(port,), allow_private=True, total_seconds=20 * DRIP_SECONDS)

        with pytest.raises(FetchTimeout):
            fetch_url(f"http://127.0.0.1:{port}/", policy, LIMITS, clock=clock)


def test_pinned_backend__neither_reads_nor_writes_after_the_deadline() -> None:
    """Also where there is something to read, a piece at a time."""
    clock = SetClock()
    with raw_server(b"ab") as port:
        backend = PinnedBackend([ip_address("127.0.0.1")], Deadline(20 * DRIP_SECONDS, clock), connect_seconds=2.0)
        stream = backend.connect_tcp("elsewhere.test", port)
        try:
            clock.pass_by(19 * DRIP_SECONDS)
            stream.write(b"x")
            assert stream.read(1) == b"a"
            clock.pass_by(DRIP_SECONDS)
            for use in (partial(stream.read, 1), partial(stream.write, b"x")):
                with pytest.raises(httpcore.ReadTimeout):
                    use()
        finally:
            stream.close()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_fetch_url__silence_ends_in_time(scheme: str) -> None:
    """In the midst of the answer, and of the TLS handshake. The connection stays open for as long as it is waited for."""
    with raw_server() as port:
        policy = make_fetch_policy(ports=(port,), allow_private=True, total_seconds=0.4)

        with pytest.raises(FetchTimeout):
            fetch_url(f"{scheme}://127.0.0.1:{port}/", policy, LIMITS)


@pytest.mark.parametrize("greeting", [b"SSH-2.0-OpenSSH_9.2\r\n", b"220 mail.example ESMTP\r\n\r\n"])
def test_fetch_url__no_http_at_all(greeting: bytes) -> None:
    with raw_server(greeting) as port:
        policy = make_fetch_policy(ports=(port,), allow_private=True, total_seconds=0.4)

        with pytest.raises(FetchFailed):
            fetch_url(f"http://127.0.0.1:{port}/", policy, LIMITS)


def test_fetch_url__status_is_told(server: Server) -> None:
    with pytest.raises(FetchFailed, match="404") as caught:
        fetch_url(address(server, "missing?token=secret"), policy_for(server), LIMITS)

    assert caught.value.context["status"] == 404
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("path", ["short", "gzip", "nowhere"])
def test_fetch_url__broken_answers(server: Server, path: str) -> None:
    with pytest.raises(FetchFailed):
        fetch_url(address(server, path), policy_for(server), LIMITS)


def test_fetch_url__nobody_there() -> None:
    with closed_port() as port, pytest.raises(FetchFailed):
        fetch_url(f"http://127.0.0.1:{port}/", make_fetch_policy(ports=(port,), allow_private=True), LIMITS)


def certificate(folder: Path) -> Path:
    """Write a self-signed certificate and key for localhost (the name, not the address) into one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    path.write_bytes(
        signed.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


@pytest.fixture
def tls_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    path = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    # What an operator with an own authority sets.
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with serving(context) as one:
        yield one


def test_fetch_url__https_by_name(tls_server: Server) -> None:
    url = f"https://localhost:{tls_server.server_port}/ok"

    assert fetch_url(url, policy_for(tls_server), LIMITS).data == BODY


def test_fetch_url__certificate_must_fit_the_name_asked_for(
    tls_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver(monkeypatch, {"other.test": [["127.0.0.1"]]})

    with pytest.raises(FetchFailed, match=r"(?i)certificate"):
        fetch_url(f"https://other.test:{tls_server.server_port}/ok", policy_for(tls_server), LIMITS)
    assert tls_server.seen == []


def test_fetch_url__unknown_authority(tls_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")

    with pytest.raises(FetchFailed, match=r"(?i)certificate"):
        fetch_url(f"https://localhost:{tls_server.server_port}/ok", policy_for(tls_server), LIMITS)
