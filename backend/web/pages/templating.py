"""Jinja environment of the pages, with its global functions."""

from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from backend.rules.naming import UNTITLED
from backend.web.pages import formatting
from backend.web.pages.navigation import AT_HAND, list_entries
from backend.web.pages.static_files import static_path

_FOLDER = Path(__file__).parent / "templates"
MOUNT = "/admin"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    for name in (
        "similarity",
        "count",
        "counted",
        "byte_size",
        "moment",
        "day",
        "taken",
        "date_source",
        "keywords_line",
        "duration",
        "with_code",
    ):
        environment.filters[name] = getattr(formatting, name)
    environment.globals |= {
        "entries_at_hand": AT_HAND,
        "product_version": version("mediacluster"),
        "static": static_url,
        "link": link,
        "picture_url": picture_url,
        "untitled": UNTITLED,
    }
    return environment


def static_url(path: str) -> str:
    """Address of a file below `static/`."""
    return f"{MOUNT}{static_path()}/{path}"


def link(path: str, parameters: Mapping[str, Any] | None = None, **more: Any) -> str:
    """Address below /admin. Omits parameters without a value."""
    given = {name: value for name, value in {**(parameters or {}), **more}.items() if value not in {None, "", False}}
    query = urlencode([(name, "1" if value is True else value) for name, value in given.items()])
    return f"{MOUNT}{path}?{query}" if query else f"{MOUNT}{path}"


def picture_url(sha256: str, size: str = "small") -> str:
    """Address of a thumbnail, by the checksum (hex) of its original, so that browsers may cache it for ever."""
    return f"{MOUNT}/pictures/{sha256}/{size}"


def render(
    request: Request,
    template: str,
    *,
    status_code: int = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
    **view: Any,
) -> HTMLResponse:
    """Render a template. It sees `view`, `request`, `visitor` and the globals."""
    visitor = getattr(request.state, "visitor", None)
    entries = list_entries(visitor)
    content = _environment().get_template(template).render(request=request, visitor=visitor, entries=entries, **view)
    return HTMLResponse(content, status_code=status_code, headers={"Cache-Control": "no-store", **(headers or {})})
