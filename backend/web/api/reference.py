"""The reference of the API for people: `/docs` and `/redoc`, from files of the product."""

from pathlib import Path
from typing import Final

from fastapi import APIRouter, Response

from backend.web.middleware.page_headers import PAGE_HEADERS

router = APIRouter(include_in_schema=False)

_STATIC: Final = Path(__file__).parent / "static"
_TYPES: Final = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


@router.get("/docs")
@router.get("/redoc")
def show_reference() -> Response:
    return _file("reference.html")


@router.get("/docs/reference.js")
def get_script() -> Response:
    return _file("reference.js")


@router.get("/docs/reference.css")
def get_style() -> Response:
    return _file("reference.css")


@router.get("/docs/mark.svg")
def get_icon() -> Response:
    return _file("mark.svg")


def _file(name: str) -> Response:
    path = _STATIC / name
    headers = PAGE_HEADERS | {"Cache-Control": "no-cache"}
    return Response(path.read_bytes(), media_type=_TYPES[path.suffix], headers=headers)
