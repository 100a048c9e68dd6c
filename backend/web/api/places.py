"""Protection of private places: coordinates and full source addresses are for admins, or for everyone if no key is required."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, Request

from backend.errors import Forbidden
from backend.files.metadata import PLACE_NAMES, says_place
from backend.redaction import without_credentials

_EXIF_NAMES = frozenset(PLACE_NAMES)


def sees_places(request: Request) -> bool:
    """Whether the caller may see where pictures were taken. Authentication sets `request.state.sees_places`."""
    return bool(getattr(request.state, "sees_places", False))


PlacesDependency = Annotated[bool, Depends(sees_places)]


def without_place(exif: Mapping[str, Any]) -> dict[str, Any]:
    """The EXIF values without coordinates."""
    return {name: value for name, value in exif.items() if name not in _EXIF_NAMES}


def without_key(source_uri: str | None) -> str | None:
    """The source of a picture. Removes from a web address what would let others fetch it: user, password and query."""
    is_web = source_uri is not None and source_uri.startswith(("http://", "https://"))
    return without_credentials(source_uri) if source_uri and is_web else source_uri


def require_no_place(exif: Mapping[str, Any], original: bytes) -> None:
    """Raise Forbidden if the original says where the picture was taken."""
    if exif.keys() & _EXIF_NAMES or says_place(original):
        raise Forbidden(
            "This original contains the place where it was taken, which only admins may see.",
            hint="Use the large thumbnail, which has no location, or send a key with scope 'admin'.",
        )
