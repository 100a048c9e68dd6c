"""The process and the configuration of the HTTP server."""

import resource
import socket
import subprocess
import sys
from contextlib import ExitStack

import pytest
from fastapi import FastAPI

from backend.cli.http_server import server_config
from backend.settings import load_settings
from tests.support.waiting import wait_for

_ASK = (
    "import resource; from backend.cli.http_server import raise_descriptor_limit; raise_descriptor_limit(); "
    "print(*resource.getrlimit(resource.RLIMIT_NOFILE))"
)


def test_server_config__no_proxy_is_believed_that_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")  # uvicorn's own variable
    assert server_config(FastAPI(), load_settings(_env_file=None)).forwarded_allow_ips == []
    named = load_settings(_env_file=None, trusted_proxies="10.0.0.0/24,::1")
    assert server_config(FastAPI(), named).forwarded_allow_ips == ["10.0.0.0/24", "::1"]


_SERVE = """
import socket, sys
from fastapi import FastAPI
from backend.cli.http_server import server_config
from backend.settings import load_settings
from backend.web.server import WebServer
app = FastAPI()
@app.get("/")
def answer() -> str:
    return "here"
import threading
app.state.ending = threading.Event()
with socket.socket() as taken:
    taken.bind(("127.0.0.1", 0))
    port = taken.getsockname()[1]
print(port, flush=True)
WebServer(server_config(app, load_settings(_env_file=None, api_port=port))).run()
"""


def test_connections__idle_ones_do_not_shut_out_others() -> None:
    """More idle connections than the server may have files open. Without a bound it answered nobody for a minute, and filled the log."""
    command = ["sh", "-c", 'ulimit -n 64; exec "$@"', "sh", sys.executable, "-c", _SERVE]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server,
        ExitStack() as held,
    ):
        try:
            assert server.stdout is not None
            address = ("127.0.0.1", int(server.stdout.readline()))
            wait_for(lambda: _asks(address) == b"HTTP/1.1 200 OK", seconds=60)
            for _ in range(100):
                idle = held.enter_context(socket.socket())
                idle.setblocking(False)  # the queue of the system is short too
                idle.connect_ex(address)
            wait_for(lambda: _asks(address) == b"HTTP/1.1 200 OK", seconds=10)
        finally:
            server.terminate()
            told = server.stderr.read() if server.stderr else ""
    assert "Too many open files" not in told


def _asks(address: tuple[str, int]) -> bytes:
    try:
        with socket.create_connection(address, timeout=5) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            return client.recv(1000).split(b"\r\n")[0]
    except OSError:
        return b""


def test_descriptors__a_low_limit_is_told() -> None:
    ask = "import logging; logging.basicConfig(format='%(message)s'); from backend.cli.http_server import warn_of_few_descriptors as w; w()"
    for limit, words in ((256, "256 files open"), (1024, "")):
        command = ["sh", "-c", f'ulimit -n {limit}; exec "$@"', "sh", sys.executable, "-c", ask]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stderr
        assert words in told
        assert bool(told) == bool(words)


def test_descriptors__as_many_as_allowed() -> None:
    """With 256, three hundred event streams stopped the server."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    command = ["sh", "-c", 'ulimit -S -n 256; exec "$@"', "sh", sys.executable, "-c", _ASK]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert told == [str(hard)] * 2
