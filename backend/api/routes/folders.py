"""Take in pictures that are on the server already, below the folders that it may import from."""

import uuid
from collections.abc import Iterator
from itertools import dropwhile, islice
from pathlib import Path

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from backend.api.dependencies import ServicesDependency
from backend.api.problems import documented
from backend.api.schemas import Schema, UploadedMedia
from backend.doorbell import Work
from backend.errors import InputError, PathForbidden
from backend.ingest.folders import open_inside_roots, require_inside_roots, walk_pictures
from backend.ingest.text import MediaText
from backend.pipeline.intake import accept_picture
from backend.services import Services

router = APIRouter(tags=["uploads"])

_MOST_CHARACTERS = 4096


class FolderInput(BaseModel):
    """A folder of the server, or one picture."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"path": "/pictures/2026"}]})

    path: str = Field(max_length=_MOST_CHARACTERS)
    after: str | None = Field(None, max_length=_MOST_CHARACTERS, description="`next_after` of the answer before.")


class FolderAnswer(Schema):
    """What became of each picture; `next_after` is null where there are no more."""

    ids: list[uuid.UUID]
    media: list[UploadedMedia]
    next_after: str | None


@router.post(
    "/media/from-folder",
    operation_id="import_folder",
    summary="Import a folder of the server",
    responses=documented(
        "malformed_request", "path_forbidden", "file_unreadable", "backend_unavailable", "storage_full"
    ),
)
def import_folder(services: ServicesDependency, body: FolderInput) -> FolderAnswer:
    """As many pictures as an upload may have files; links are not followed."""
    top = require_inside_roots(Path(body.path), services.settings.import_roots)
    most = services.settings.max_files_per_request
    found = list(islice(_pictures_after(top, body.after), most + 1))
    media = [_take(services, path) for path in found[:most]]
    services.doorbell.ring(Work.EMBED)
    more = str(found[most - 1]) if len(found) > most else None
    return FolderAnswer(ids=[one.id for one in media if one.id is not None], media=media, next_after=more)


def _pictures_after(top: Path, after: str | None) -> Iterator[Path]:
    found = walk_pictures([top], follow_links=False)
    if after is None:
        return found
    found = dropwhile(lambda path: str(path) != after, found)
    next(found, None)
    return found


def _take(services: Services, path: Path) -> UploadedMedia:
    name = str(path)
    try:
        with open_inside_roots(path, services.settings.import_roots) as file:
            # One byte more than is allowed is enough to see that it is too large.
            data = file.read(services.settings.max_body_bytes + 1)
        accepted = accept_picture(services, data, MediaText(), source="import", source_uri=name, ring=False)
    except InputError as error:
        # A path that became forbidden under way says no more than that.
        detail = "It leads elsewhere." if isinstance(error, PathForbidden) else str(error)
        return UploadedMedia(filename=name, code=error.code, detail=detail)
    return UploadedMedia(id=accepted.media_id, filename=name, status=accepted.status, duplicate=accepted.duplicate)
