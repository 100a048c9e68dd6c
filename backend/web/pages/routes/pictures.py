"""Thumbnails, addressed by the checksum of their original."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Response

from backend.files.formats import mime_of
from backend.files.storage import read_thumbnail
from backend.web.api.dependencies import ServicesDependency

router = APIRouter()

_HEADERS = {"Cache-Control": "private, max-age=31536000, immutable"}

Sha256 = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]


@router.get("/pictures/{sha256}/{size}")
def show_picture(services: ServicesDependency, sha256: Sha256, size: Literal["small", "large"]) -> Response:
    """Read the thumbnail from the storage without a query: a wall shows a hundred of them."""
    content = read_thumbnail(services.storage, bytes.fromhex(sha256), size)
    return Response(content, media_type=mime_of(content), headers=_HEADERS)
