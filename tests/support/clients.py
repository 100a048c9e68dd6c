"""Fixtures: clients of the application in this process, by what it asks of them.

Each is a client of the whole web application, API and pages, as `mediacluster serve` runs it. For settings of a test's own:
`open_client(make_services(...))`.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from argon2 import PasswordHasher
from httpx2 import Response
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from backend.cli.keys import create_key
from backend.features.access import create_account, passwords
from backend.features.services import Services

__all__ = ["PASSWORD", "Response", "mounted"]

PASSWORD = "correct horse battery"
"""The password of the accounts of `asking`."""


def mounted(app: Starlette, path: str) -> Starlette:
    """The application that another one serves below a path."""
    found = next(route.app for route in app.routes if isinstance(route, Mount) and route.path == path)
    assert isinstance(found, Starlette)
    return found


@pytest.fixture
def open_client() -> Iterator[Callable[..., TestClient]]:
    """Open a client of the application over some services. It is closed after the test."""
    from backend.web.server import create_web_app  # takes a second, which tests without pages need not wait for

    with ExitStack() as opened:

        def open_one(services: Services, **options: Any) -> TestClient:
            client = TestClient(create_web_app(services), raise_server_exceptions=False, **options)
            return opened.enter_context(client)

        yield open_one


@pytest.fixture
def client(services: Services, open_client: Callable[..., TestClient]) -> TestClient:
    """A client where nobody is asked who they are."""
    return open_client(services)


@pytest.fixture
def keyed(make_services: Callable[..., Services]) -> Services:
    """Services that ask for keys."""
    return make_services(authentication="keys")


@pytest.fixture
def keyed_client(keyed: Services, open_client: Callable[..., TestClient]) -> TestClient:
    """A client, without a key so far, where keys are asked for."""
    return open_client(keyed)


@pytest.fixture
def make_key(services: Services) -> Callable[..., dict[str, str]]:
    """Make a key for the library of this test. Returns the header that shows it."""

    def make(scope: str = "read", *origins: str, name: str = "test") -> dict[str, str]:
        return {"Authorization": f"Bearer {create_key(services.database, name, scope, origins)[1]}"}

    return make


@pytest.fixture
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Argon2id as ever, with less memory: a hash that takes 0.15 s would be half of many tests."""
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    passwords._nobodys_hash.cache_clear()
    yield
    passwords._nobodys_hash.cache_clear()


@pytest.fixture
def asking(make_services: Callable[..., Services], cheap_hashes: None) -> Services:
    """Services whose pages ask for a login, with an admin and a curator."""
    services = make_services(authentication="login")
    create_account(services.database, "ada", "admin", PASSWORD, actor="test")
    create_account(services.database, "carl", "curator", PASSWORD, actor="test")
    return services


@pytest.fixture
def open_visitor(asking: Services) -> Iterator[Callable[..., TestClient]]:
    """Open browsers that do not know each other, at one server whose pages ask for a login."""
    from backend.web.server import create_web_app

    app = create_web_app(asking)
    with ExitStack() as opened:

        def open_one(base_url: str = "http://testserver") -> TestClient:
            client = TestClient(app, base_url, raise_server_exceptions=False, follow_redirects=False)
            opened.callback(client.close)
            return client

        yield open_one


@pytest.fixture
def visitor(open_visitor: Callable[..., TestClient]) -> TestClient:
    """A browser at a server whose pages ask for a login, without one so far."""
    return open_visitor()
