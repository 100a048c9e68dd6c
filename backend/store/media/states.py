"""State changes of pictures. No other module writes `media.status`: each change is a function here, which also records its event in
the caller's transaction. `backend.store.schema` shows the transitions."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from psycopg.types.json import Jsonb
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.errors import LeaseLost, NotFound, NotInSpace, OriginalMissing, Quarantined, TransactionConflict
from backend.files.text import MediaText
from backend.store.arrays import fetch_arrays, is_among
from backend.store.events import Event, EventKind, record_events
from backend.store.leases import FREE, Lease, is_free, is_held
from backend.store.media.media import StoredPicture, media_columns, next_upload_seq
from backend.store.schema import EMBEDDINGS_SOURCE, Embedding, Media, MediaStatus, Space
from backend.store.statements import Statements

_SQL = Statements(__file__)


def insert_fetching(
    session: Session,
    media_id: uuid.UUID,
    url: str,
    text: MediaText,
    place: Mapping[str, Any] | None = None,
    request_id: str | None = None,
    file_name: str = "",
) -> None:
    """Insert a picture that has yet to be fetched. Keeps an existing row with this id, so that the call can be repeated."""
    session.execute(
        insert(Media)
        .values(
            id=media_id,
            **media_columns(text),
            exif=dict(place or {}),
            file_name=file_name,
            source="url",
            source_uri=url,
            request_id=request_id,
            status=MediaStatus.FETCHING,
        )
        .on_conflict_do_nothing(index_elements=[Media.id])
    )


def insert_pending(
    session: Session,
    media_id: uuid.UUID,
    picture: StoredPicture,
    text: MediaText,
    source: str,
    source_uri: str | None,
    request_id: str | None = None,
    folders: Sequence[str] = (),
    file_name: str = "",
) -> uuid.UUID:
    """Insert a picture to embed. Returns its id, or that of the row with the same file.

    Raises TransactionConflict if that row is deleted meanwhile.
    """
    values = {
        **vars(picture),
        **media_columns(text),
        "id": media_id,
        "exif": Jsonb(picture.exif),
        "warnings": Jsonb(picture.warnings),
        "source": source,
        "source_uri": source_uri,
        "request_id": request_id,
        "folders": list(folders),
        "file_name": file_name,
        "upload_seq": next_upload_seq(session),
    }
    statement = _SQL("insert_pending").format(
        columns=", ".join(values), values=", ".join(f":{name}" for name in values)
    )
    if fetch_arrays(session, statement, values):
        return media_id
    kept = session.execute(sa.select(Media.id).where(Media.sha256 == picture.sha256)).scalar_one_or_none()
    if kept is None:
        raise TransactionConflict("The picture with the same file was deleted meanwhile.", hint="Try again.")
    return kept


def imported_columns(upload_seq: int, embedded_at: datetime) -> dict[str, Any]:
    """Columns of a picture imported with its vectors, for a COPY. It waits for its group at once."""
    return {
        "source": EMBEDDINGS_SOURCE,
        "status": MediaStatus.EMBEDDED.value,
        "upload_seq": upload_seq,
        "embedded_at": embedded_at,
    }


def record_fetched(
    session: Session, media_id: uuid.UUID, lease: Lease, picture: StoredPicture, text: MediaText, file_name: str
) -> uuid.UUID | None:
    """Change a fetched row to pending. Returns the id of an older row with the same file, if there is one.
    Raises LeaseLost.
    """
    next_seq = next_upload_seq(session)
    older = session.execute(sa.select(Media.id).where(Media.sha256 == picture.sha256)).scalar_one_or_none()
    values: dict[str, Any] = {**FREE, "file_name": file_name}
    if older is not None:
        values |= {"status": MediaStatus.DUPLICATE, "duplicate_of": older}
    else:
        values |= {
            **vars(picture),
            **media_columns(text),
            "status": MediaStatus.PENDING,
            "upload_seq": next_seq,
            "attempts": 0,
        }
    _update_leased(session, media_id, lease, MediaStatus.FETCHING, values)
    return older


def record_embedded(
    session: Session, media_ids: Sequence[uuid.UUID], lease: Lease, ocr: dict[uuid.UUID, str]
) -> list[uuid.UUID]:
    """Change leased rows to embedded. Returns those that still belong to this lease."""
    kept = session.execute(
        sa.update(Media)
        .where(is_among(Media.id, media_ids), is_held(Media, lease), Media.status == MediaStatus.PENDING)
        .values(
            status=MediaStatus.EMBEDDED,
            embedded_at=sa.func.now(),
            **FREE,
            error_code=None,
            error_detail=None,
        )
        .returning(Media.id)
    ).scalars()
    kept_ids = list(kept)
    for media_id, words in ocr.items():
        session.execute(sa.update(Media).where(Media.id == media_id).values(ocr_text=words))
    return kept_ids


def record_ready(session: Session, cluster_ids: Mapping[uuid.UUID, int]) -> None:
    """Change embedded rows to ready, now that they are in groups."""
    session.execute(
        sa.text("UPDATE media SET status = :ready, ready_at = clock_timestamp() WHERE id = ANY(:ids)"),
        {"ready": MediaStatus.READY.value, "ids": list(cluster_ids)},
    )
    record_events(
        session, [Event(EventKind.READY, media_id, cluster_id) for media_id, cluster_id in cluster_ids.items()]
    )


def record_failed(session: Session, media_id: uuid.UUID, lease: Lease, code: str, detail: str) -> None:
    """Mark a leased row as failed, with the reason. Raises LeaseLost."""
    values = {
        "status": MediaStatus.FAILED,
        "error_code": code,
        "error_detail": detail,
        **FREE,
    }
    _update_leased(session, media_id, lease, None, values)
    _tell_failed(session, [media_id], code)


def record_quarantined(session: Session, max_attempts: int) -> dict[uuid.UUID, str | None]:
    """Fail rows whose last allowed attempt ended without a result, because their worker died or stalled.

    Returns the id of the request that uploaded each, by picture.
    """
    detail = f"All {max_attempts} attempts ended without a result. The file may crash or stall the decoder."
    rows = session.execute(
        sa.update(Media)
        .where(
            Media.status.in_([MediaStatus.PENDING, MediaStatus.FETCHING]),
            Media.attempts >= max_attempts,
            is_free(Media),
        )
        .values(
            status=MediaStatus.FAILED,
            error_code=Quarantined.code,
            error_detail=detail,
            **FREE,
        )
        .returning(Media.id, Media.request_id)
    )
    quarantined = {row.id: row.request_id for row in rows}
    _tell_failed(session, list(quarantined), Quarantined.code)
    return quarantined


def record_set_aside(session: Session, space: Space, media_ids: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    """Fail rows that failed in a space, and keep their vectors in other spaces. Returns those that had not failed before."""
    aside = session.execute(
        sa.text(_SQL("set_aside")),
        {"code": NotInSpace.code, "name": space.name, "space": space.id, "ids": list(media_ids)},
    ).scalars()
    ids = list(aside)
    _tell_failed(session, ids, NotInSpace.code)
    return ids


def lead_back(session: Session, space_id: int) -> int:
    """Return pictures that were set aside to grouping, if this space has vectors of them. Returns how many."""
    result = session.execute(
        sa.text(_SQL("lead_back")),
        {"code": NotInSpace.code, "space": space_id},
    )
    return int(result.rowcount)  # type: ignore[attr-defined]


def record_unfillable(session: Session, items: Sequence[tuple[int, uuid.UUID]], code: str, detail: str) -> None:
    """Fail rows that wait for a group and cannot have vectors in the active space. `items` are failed (space, media) items; those of
    other spaces, and rows that do not wait for a group, are skipped."""
    failed = session.execute(
        sa.text(_SQL("fail_unfillable")),
        {
            "code": code,
            "detail": detail,
            "spaces": [space_id for space_id, _ in items],
            "ids": [media_id for _, media_id in items],
        },
    ).scalars()
    _tell_failed(session, list(failed), code)


def record_original_missing(session: Session, media_ids: Sequence[uuid.UUID], detail: str) -> list[uuid.UUID]:
    """Fail rows whose original is lost, and delete their vectors. Returns those that had not failed. Pictures that were set aside keep
    their code and vectors, with which they can be grouped again."""
    lost = sa.select(Media.id, Media.status).where(
        is_among(Media.id, media_ids),
        sa.or_(Media.status != MediaStatus.FAILED, Media.error_code != NotInSpace.code),
    )
    before = {row.id: row.status for row in session.execute(lost.with_for_update())}
    session.execute(
        sa.update(Media)
        .where(is_among(Media.id, before))
        .values(
            status=MediaStatus.FAILED,
            error_code=OriginalMissing.code,
            error_detail=detail,
            **FREE,
        )
    )
    session.execute(sa.delete(Embedding).where(is_among(Embedding.media_id, before)))
    failed = [media_id for media_id, status in before.items() if status != MediaStatus.FAILED]
    _tell_failed(session, failed, OriginalMissing.code)
    return failed


def retry_failed(session: Session, media_id: uuid.UUID) -> None:
    """Return a failed row to the step that failed.

    Raises:
        NotFound: the picture does not exist or has not failed.
        NotInSpace: it was imported as vectors of another space, and has no file to compute new ones from.
    """
    if _retry(session, Media.id == media_id):
        return
    failed = sa.select(Media.id).where(Media.id == media_id, Media.status == MediaStatus.FAILED)
    if session.execute(failed).first() is None:
        raise NotFound(f"There is no failed picture {media_id}.")
    raise NotInSpace(
        f"Picture {media_id} was imported as embeddings of another model, without a picture file to embed again.",
        hint="Go back to the model that its vectors came from (`mediacluster space rollback`), or "
        "delete it and upload its picture file.",
    )


def retry_failed_with(session: Session, code: str | None) -> int:
    """Retry all rows that failed with this code, or with any, and can be retried. Returns how many."""
    return _retry(session, sa.true() if code is None else Media.error_code == code)


def _has_vectors() -> sa.ColumnElement[bool]:
    """Whether a picture was embedded into the active space before it failed."""
    active = sa.select(Space.id).where(Space.is_active).scalar_subquery()
    return sa.exists().where(Embedding.media_id == Media.id, Embedding.space_id == active)


def _retry(session: Session, which: sa.ColumnElement[bool]) -> int:
    # Pictures imported as vectors have neither a file nor an address to fetch one from.
    has_a_source = sa.or_(Media.sha256.is_not(None), Media.source != EMBEDDINGS_SOURCE, _has_vectors())
    retried = session.execute(
        sa.update(Media)
        .where(which, Media.status == MediaStatus.FAILED, has_a_source)
        .values(
            status=sa.case(
                (_has_vectors(), MediaStatus.EMBEDDED),
                (Media.sha256.is_(None), MediaStatus.FETCHING),
                else_=MediaStatus.PENDING,
            ),
            attempts=0,
            error_code=None,
            error_detail=None,
            next_attempt_at=sa.func.now(),
        )
        .returning(Media.id)
    )
    return len(retried.all())


def _tell_failed(session: Session, media_ids: Sequence[uuid.UUID], code: str) -> None:
    record_events(session, [Event(EventKind.FAILED, media_id, error_code=code) for media_id in media_ids])


def _update_leased(
    session: Session, media_id: uuid.UUID, lease: Lease, status: MediaStatus | None, values: dict[str, Any]
) -> None:
    query = sa.update(Media).where(Media.id == media_id, is_held(Media, lease))
    if status is not None:
        query = query.where(Media.status == status)
    if session.execute(query.values(**values).returning(Media.id)).scalar_one_or_none() is None:
        raise LeaseLost(f"Picture {media_id} was given to another worker, or deleted.")
