"""Responses with the files of pictures, for the API and the pages."""

from urllib.parse import quote
from uuid import UUID

from fastapi import Response

from backend.errors import Conflict
from backend.features.services import Services
from backend.files.formats import PICTURE_SUFFIXES, suffixes_like
from backend.files.text import ascii_name, download_name
from backend.store.media import get_media
from backend.store.schema import EMBEDDINGS_SOURCE, Media
from backend.web.api.places import require_no_place

# Those of RFC 5987 beside letters, digits and what `quote` never escapes.
_ATTRIBUTE_CHARACTERS = "!#$&+^`|"
_FOREVER = "private, max-age=31536000, immutable"


def answer_original(services: Services, media_id: UUID, *, places: bool) -> Response:
    """Send the original as an attachment. `places` says whether the caller may see where the picture was taken."""
    media = read_stored(services, media_id)
    if media.sha256 is None or media.original_key is None or media.mime is None:
        raise nothing_stored(media)
    headers = file_headers(media.sha256) | {"Content-Disposition": _attachment(media, str(media_id))}
    content = services.storage.read(media.original_key)
    if not places:
        require_no_place(media.exif, content)
    return Response(content, media_type=media.mime, headers=headers)


def _attachment(media: Media, substitute: str) -> str:
    """The header by which browsers save the original under the name that it came with (RFC 6266)."""
    extension = (media.original_key or "").rpartition(".")[2]
    name = download_name(media.file_name, suffixes_like(extension), PICTURE_SUFFIXES, substitute=substitute)
    plain = ascii_name(name, substitute=substitute)
    header = f'attachment; filename="{plain}"'
    return header if plain == name else f"{header}; filename*=UTF-8''{quote(name, safe=_ATTRIBUTE_CHARACTERS)}"


def read_stored(services: Services, media_id: UUID) -> Media:
    """The picture whose file is stored: the picture itself, or the one that it duplicates. Raises NotFound."""
    with services.database.transaction() as session:
        media = get_media(session, media_id)
        return media if media.duplicate_of is None else get_media(session, media.duplicate_of)


def nothing_stored(media: Media) -> Conflict:
    """The error for a picture without a stored file."""
    if media.source == EMBEDDINGS_SOURCE:
        return Conflict(f"Picture {media.id} was imported as embeddings, without a picture file.")
    return Conflict(f"Picture {media.id} has not been fetched yet.")


def file_headers(sha256: bytes) -> dict[str, str]:
    """Headers that stop browsers from guessing another type for a file, and from running scripts in it."""
    return {
        "Cache-Control": _FOREVER,
        "ETag": f'"{sha256.hex()}"',
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
