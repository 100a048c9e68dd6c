"""Clients of the application in this process."""

from httpx2 import Response
from starlette.applications import Starlette
from starlette.routing import Mount

__all__ = ["Response", "mounted"]


def mounted(app: Starlette, path: str) -> Starlette:
    """The application that another one serves below a path."""
    found = next(route.app for route in app.routes if isinstance(route, Mount) and route.path == path)
    assert isinstance(found, Starlette)
    return found
