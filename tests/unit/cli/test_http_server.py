"""The configuration of the HTTP server."""

import pytest
from fastapi import FastAPI

from backend.cli.http_server import server_config
from backend.settings import load_settings


def test_server_config__no_proxy_is_believed_that_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")  # uvicorn's own variable
    assert server_config(FastAPI(), load_settings(_env_file=None)).forwarded_allow_ips == []
    named = load_settings(_env_file=None, trusted_proxies="10.0.0.0/24,::1")
    assert server_config(FastAPI(), named).forwarded_allow_ips == ["10.0.0.0/24", "::1"]
