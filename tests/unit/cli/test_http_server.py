"""The process and the configuration of the HTTP server."""

import resource
import subprocess
import sys

import pytest
from fastapi import FastAPI

from backend.cli.http_server import server_config
from backend.settings import load_settings

_ASK = (
    "import resource; from backend.cli.http_server import raise_descriptor_limit; raise_descriptor_limit(); "
    "print(*resource.getrlimit(resource.RLIMIT_NOFILE))"
)


def test_server_config__no_proxy_is_believed_that_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")  # uvicorn's own variable
    assert server_config(FastAPI(), load_settings(_env_file=None)).forwarded_allow_ips == []
    named = load_settings(_env_file=None, trusted_proxies="10.0.0.0/24,::1")
    assert server_config(FastAPI(), named).forwarded_allow_ips == ["10.0.0.0/24", "::1"]


def test_descriptors__as_many_as_allowed() -> None:
    """With 256, three hundred event streams stopped the server."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    command = ["sh", "-c", 'ulimit -S -n 256; exec "$@"', "sh", sys.executable, "-c", _ASK]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert told == [str(hard)] * 2
