"""Styles, scripts and the vendored htmx, under a path with a digest of their content, so that browsers cache them for ever."""

import hashlib
from functools import cache
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_FOLDER = Path(__file__).parent / "static"


@cache
def static_path() -> str:
    """`/static/<digest>`, relative to the mount. Modules import each other by relative paths, so they keep the digest."""
    digest = hashlib.sha256()
    for path in sorted(_FOLDER.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(_FOLDER).as_posix().encode() + b"\0" + path.read_bytes())
    return f"/static/{digest.hexdigest()[:12]}"


class _Immutable(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def make_static_files() -> StaticFiles:
    return _Immutable(directory=_FOLDER)
