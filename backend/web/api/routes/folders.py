"""Import of pictures from folders on the server that the settings allow."""

import uuid
from collections.abc import Iterator, Sequence
from itertools import dropwhile, islice
from pathlib import Path

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from backend.doorbell import Work
from backend.errors import FileUnreadable, InputError, PathForbidden
from backend.features.intake import accept_picture, folder_of
from backend.features.services import Services
from backend.files.folders import open_inside_roots, require_inside_roots, walk_pictures
from backend.files.text import MediaText, make_storable
from backend.web.api.dependencies import ServicesDependency
from backend.web.api.folder_cursors import SortKey, read_folder_cursor, sort_key_of, write_folder_cursor
from backend.web.api.schemas.schemas import Schema, UploadedMedia, UploadWarning
from backend.web.middleware.problems import documented

router = APIRouter(tags=["uploads"])

_MOST_CHARACTERS = 4096
_MOST_CURSOR_CHARACTERS = 3 * _MOST_CHARACTERS

_Found = tuple[SortKey, Path | FileUnreadable]


class FolderInput(BaseModel):
    """A folder of the server, or one picture."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"path": "/pictures/2026"}]})

    path: str = Field(max_length=_MOST_CHARACTERS)
    after: str | None = Field(
        None, max_length=_MOST_CURSOR_CHARACTERS, description="`next_after` from the previous response."
    )


class FolderAnswer(Schema):
    """The result for each picture, and for each folder that cannot be opened. `next_after` is null at the end."""

    ids: list[uuid.UUID]
    media: list[UploadedMedia]
    next_after: str | None


@router.post(
    "/media/from-folder",
    operation_id="import_folder",
    summary="Import a folder on the server",
    responses=documented(
        "malformed_request", "path_forbidden", "file_unreadable", "backend_unavailable", "storage_full"
    ),
)
def import_folder(services: ServicesDependency, body: FolderInput) -> FolderAnswer:
    """Import up to as many pictures per request as an upload may have files. Links are not followed."""
    top = require_inside_roots(Path(body.path), services.settings.import_roots)
    most = services.settings.max_files_per_request
    found = list(islice(_walk_on(top, body.after), most + 1))
    media = [_refuse(one) if isinstance(one, FileUnreadable) else _take(services, one, top) for _, one in found[:most]]
    services.doorbell.ring(Work.EMBED)
    more = write_folder_cursor(found[most - 1][0]) if len(found) > most else None
    return FolderAnswer(ids=[one.id for one in media if one.id is not None], media=media, next_after=more)


def _walk_on(top: Path, after: str | None) -> Iterator[_Found]:
    if after is None:
        return _walk(top)
    passed = read_folder_cursor(after)
    return dropwhile(lambda found: found[0] <= passed, _walk(top))


def _walk(top: Path) -> Iterator[_Found]:
    """Yield the pictures, and between them the folders that cannot be opened, in order."""
    unreadable: list[FileUnreadable] = []
    for path in walk_pictures([top], on_unreadable=unreadable.append, follow_links=False):
        yield from _placed(unreadable, top)
        unreadable.clear()
        yield sort_key_of(path, top), path
    yield from _placed(unreadable, top)


def _placed(unreadable: Sequence[FileUnreadable], top: Path) -> Iterator[_Found]:
    return ((sort_key_of(Path(one.context["path"]), top, is_folder=True), one) for one in unreadable)


def _refuse(folder: FileUnreadable) -> UploadedMedia:
    return UploadedMedia(
        filename=make_storable(folder.context["path"]), code=folder.code, detail=make_storable(str(folder))
    )


def _take(services: Services, path: Path, top: Path) -> UploadedMedia:
    name = make_storable(str(path))
    try:
        with open_inside_roots(path, services.settings.import_roots) as file:
            # One byte over the limit is enough to tell that the file is too large.
            data = file.read(services.settings.max_body_bytes + 1)
        accepted = accept_picture(
            services,
            data,
            MediaText(),
            source="import",
            source_uri=str(path),
            folders=[folder_of(path, top)],
            ring=False,
        )
    except InputError as error:
        # If a path became forbidden meanwhile, do not reveal more than that.
        detail = "It is a link to a file elsewhere." if isinstance(error, PathForbidden) else str(error)
        return UploadedMedia(filename=name, code=error.code, detail=make_storable(detail))
    return UploadedMedia(
        id=accepted.media_id,
        filename=name,
        status=accepted.status,
        duplicate=accepted.duplicate,
        warnings=[UploadWarning(code=one.code, detail=one.detail) for one in accepted.warnings],
    )
