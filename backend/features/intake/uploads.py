"""Uploads of one request, and waiting until their pictures are grouped."""

import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO, Final

from backend.clock import CLOCK, Clock
from backend.errors import InputError
from backend.features.intake.intake import accept_picture, accept_url
from backend.features.services import Services
from backend.files.formats import PictureWarning
from backend.files.text import MediaText
from backend.store.engine import Session
from backend.store.groups import list_memberships
from backend.store.media import MediaOutcome, list_outcomes
from backend.store.schema import MediaStatus, Membership

# Poll fast at first, since a small picture takes a moment. For many pictures, the pause grows to half a second.
_FIRST_PAUSE_SECONDS: Final = 0.05
_LONGEST_PAUSE_SECONDS: Final = 0.5
_PAUSE_GROWTH: Final = 1.5
# Each waiting request occupies one of forty threads; the others stay free.
_MOST_WAITING: Final = 16
_waiting = threading.BoundedSemaphore(_MOST_WAITING)
_SETTLED = {MediaStatus.READY, MediaStatus.FAILED, MediaStatus.DUPLICATE}


@dataclass(frozen=True)
class SentFile:
    """A file of a request with its name and text."""

    name: str | None
    stream: BinaryIO
    text: MediaText


@dataclass(frozen=True)
class JoinedCluster:
    """The membership of a picture, with the label of its group."""

    membership: Membership
    label: str


@dataclass(frozen=True)
class Upload:
    """Result for one file of a request.

    Attributes:
        filename: its name, if the client sent one.
        media_id: id of the picture; None if the file was refused.
        status: state of the picture; None if the file was refused.
        duplicate: whether the same bytes were already stored; `media_id` is then the stored picture.
        completed: names of empty fields of the stored picture that this copy filled.
        cluster: its group, once it has one.
        code: code of the error if the file was refused or the picture failed.
        detail: message of that error.
        warnings: defects of the file that do not prevent its use; empty for duplicates.
    """

    filename: str | None
    media_id: uuid.UUID | None = None
    status: MediaStatus | None = None
    duplicate: bool = False
    completed: tuple[str, ...] = ()
    cluster: JoinedCluster | None = None
    code: str | None = None
    detail: str | None = None
    warnings: tuple[PictureWarning, ...] = ()

    @property
    def is_settled(self) -> bool:
        return self.media_id is None or self.status in _SETTLED


def accept_files(services: Services, files: Sequence[SentFile]) -> list[Upload]:
    """Store files one by one. A refused file does not stop the others.

    Raises:
        InputError: all files were refused. This is the error of the first one.
        StorageFull, BackendUnavailable: see `accept_picture`.
    """
    taken = [_accept(services, file) for file in files]
    refused = [one for one in taken if isinstance(one, InputError)]
    if len(refused) == len(taken):
        raise refused[0]
    return [_refused(one) if isinstance(one, InputError) else one for one in taken]


def accept_link(services: Services, url: str, text: MediaText, *, media_id: uuid.UUID | None = None) -> Upload:
    """Register a picture that a worker will fetch. Raises like `accept_url`."""
    accepted = accept_url(services, url, text, media_id=media_id)
    return Upload(None, accepted.media_id, accepted.status)


def wait_for_groups(
    services: Services, uploads: Sequence[Upload], seconds: float, *, clock: Clock = CLOCK
) -> list[Upload]:
    """Wait until every picture is ready, failed or a duplicate, for at most `seconds`. Returns the uploads with their results.

    With 0 seconds, or if too many requests wait already, it reads the results of duplicates once and does not wait.
    """
    seconds = min(seconds, services.settings.max_wait_seconds)
    if seconds <= 0 or not _waiting.acquire(blocking=False):
        return _wait(services, uploads, 0, clock)
    try:
        return _wait(services, uploads, seconds, clock)
    finally:
        _waiting.release()


def _accept(services: Services, file: SentFile) -> Upload | InputError:
    # One byte over the limit is enough to tell that the file is too large.
    data = file.stream.read(services.settings.max_body_bytes + 1)
    try:
        accepted = accept_picture(services, data, file.text, source="upload", source_uri=file.name)
    except InputError as error:
        error.context["filename"] = file.name
        return error
    return Upload(
        file.name,
        accepted.media_id,
        accepted.status,
        accepted.duplicate,
        completed=accepted.completed,
        warnings=accepted.warnings,
    )


def _refused(error: InputError) -> Upload:
    return Upload(error.context.get("filename"), code=error.code, detail=str(error))


def _wait(services: Services, uploads: Sequence[Upload], seconds: float, clock: Clock) -> list[Upload]:
    """See `wait_for_groups`. A picture that is deleted meanwhile keeps its last known result."""
    deadline = clock.monotonic() + seconds
    pause = _FIRST_PAUSE_SECONDS
    uploads = list(uploads)
    watched = [index for index, one in enumerate(uploads) if (one.duplicate or seconds > 0) and not _is_final(one)]
    while watched:
        with services.database.transaction() as session:
            found = _look(session, [uploads[index] for index in watched])
        for index, one in zip(watched, found, strict=True):
            uploads[index] = one or uploads[index]
        watched = [index for index, one in zip(watched, found, strict=True) if one is not None and not one.is_settled]
        left = deadline - clock.monotonic()
        if left <= 0:
            break
        if watched:
            clock.sleep(min(pause, left))
            pause = min(pause * _PAUSE_GROWTH, _LONGEST_PAUSE_SECONDS)
    return uploads


def _warnings_of(one: Upload, now: MediaOutcome) -> tuple[PictureWarning, ...]:
    """Warnings on a file that was fetched. Those on a picture that was already stored were given when it came."""
    if one.duplicate or now.media_id != one.media_id:
        return ()
    return tuple(PictureWarning(**warning) for warning in now.warnings)


def _is_final(upload: Upload) -> bool:
    """Whether the result cannot change. A ready picture still lacks its group."""
    return upload.is_settled and upload.status is not MediaStatus.READY


def _look(session: Session, uploads: Sequence[Upload]) -> list[Upload | None]:
    """Read the state of uploads, in order, in at most three statements. None for a deleted picture."""
    ids = [one.media_id for one in uploads if one.media_id is not None]
    outcomes = {outcome.media_id: outcome for outcome in list_outcomes(session, ids)}
    originals = [outcome.duplicate_of for outcome in outcomes.values() if outcome.duplicate_of is not None]
    shown = dict(outcomes)
    if originals:
        first = {outcome.media_id: outcome for outcome in list_outcomes(session, originals)}
        for media_id, outcome in outcomes.items():
            if outcome.duplicate_of in first:
                shown[media_id] = first[outcome.duplicate_of]
            elif outcome.duplicate_of is not None:
                del shown[media_id]
    settled = [outcome.media_id for outcome in shown.values() if outcome.is_settled]
    clusters = {
        membership.media_id: JoinedCluster(membership, label)
        for membership, label in (list_memberships(session, settled) if settled else ())
    }
    return [
        None
        if one.media_id is None or (now := shown.get(one.media_id)) is None
        else replace(
            one,
            media_id=now.media_id,
            status=now.status,
            duplicate=one.duplicate or now.media_id != one.media_id,
            cluster=clusters.get(now.media_id),
            code=now.error_code,
            detail=now.error_detail,
            warnings=one.warnings or _warnings_of(one, now),
        )
        for one in uploads
    ]
