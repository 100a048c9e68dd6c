"""The reference of the API for people: `/docs` and `/redoc`, from files of the product."""

from pathlib import Path
from typing import Final

from fastapi import APIRouter, Response

from backend.web.middleware.page_headers import PAGE_HEADERS

router = APIRouter(include_in_schema=False)

_STATIC: Final = Path(__file__).parent / "static"
# The icon of the pages. The product holds no file twice.
_MARK: Final = Path(__file__).parents[1] / "pages" / "static" / "mark.svg"
_TYPES: Final = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


@router.get("/docs")
@router.get("/redoc")
def show_reference() -> Response:
    return _file(_STATIC / "reference.html")


@router.get("/docs/reference.js")
def get_script() -> Response:
    return _file(_STATIC / "reference.js")


@router.get("/docs/reference.css")
def get_style() -> Response:
    return _file(_STATIC / "reference.css")


@router.get("/docs/mark.svg")
def get_icon() -> Response:
    return _file(_MARK)


def _file(path: Path) -> Response:
    headers = PAGE_HEADERS | {"Cache-Control": "no-cache"}
    return Response(path.read_bytes(), media_type=_TYPES[path.suffix], headers=headers)
