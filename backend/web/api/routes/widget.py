"""The script of the widget that shows similar pictures on other sites."""

import hashlib
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Header, Response

router = APIRouter(prefix="/widget", tags=["widget"])

_SCRIPT = Path(__file__).parents[1] / "static" / "similar-media.js"
# Short, because the address stays the same when the script changes.
_CACHE_CONTROL = "public, max-age=3600"


@router.get(
    "/similar-media.js",
    operation_id="get_widget",
    summary="Get the script that defines <similar-media>",
    response_class=Response,
    responses={
        HTTPStatus.OK: {"content": {"text/javascript": {}}, "description": "The script"},
        HTTPStatus.NOT_MODIFIED: {"description": "It is the one that `If-None-Match` names"},
    },
)
def get_widget(if_none_match: Annotated[str, Header(description="ETag of what the caller has.")] = "") -> Response:
    """Any site may load it, without a key."""
    script, etag = _read()
    headers = {
        "ETag": etag,
        "Cache-Control": _CACHE_CONTROL,
        "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "X-Content-Type-Options": "nosniff",
    }
    if etag in if_none_match:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(script, media_type="text/javascript", headers=headers)


@cache
def _read() -> tuple[bytes, str]:
    script = _SCRIPT.read_bytes()
    return script, f'"{hashlib.sha256(script).hexdigest()[:32]}"'
