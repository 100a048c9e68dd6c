"""What the files of a picture said when their words were last read, so that a later reading tells what is new.

Values are digests: they are compared with those of a later reading, and never shown.
"""

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any, Final

import sqlalchemy as sa
from psycopg.types.json import Jsonb
from sqlalchemy.orm import Session

from backend.files.metadata import PLACE_NAMES
from backend.files.text import WORDS, MediaText
from backend.store.arrays import run_statement
from backend.store.schema import MediaReading
from backend.store.statements import Statements

_SQL = Statements(__file__)

ORIGINAL_KEY: Final = b""
"""The key of the original in the storage; other keys stand for paths."""

_KEY_BYTES: Final = 16
_DIGEST_BYTES: Final = 6


@dataclass(frozen=True)
class Reading:
    """What a file said, and what was given with it.

    Attributes:
        said: digests of the words of the file and its sidecars, by field; '' for an empty one. Missing ones are unknown.
        given: digests of what a person gave with the file, in an upload or a manifest.
        sidecars: how many sidecars were read.
        rewritten_sha256: the checksum of the file, if a program has written other metadata into it since it was imported.
    """

    said: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)
    sidecars: int = 0
    rewritten_sha256: bytes | None = None


def key_of_path(path: str) -> bytes:
    """The key of a path. Paths themselves may be longer than an index takes, and are told to admins only."""
    return hashlib.blake2b(path.encode("utf-8", "surrogatepass"), digest_size=_KEY_BYTES).digest()


def digest_fields(text: MediaText, place: Mapping[str, Any]) -> dict[str, str]:
    """The digest of each text field, of `taken_at` and of `place`; '' for an empty one. `place` has coordinates under the names of
    `exif`."""
    values: dict[str, str] = {name: getattr(text, name) for name in WORDS}
    values["keywords"] = "\n".join(text.keywords)
    values["taken_at"] = ""
    if text.taken_at is not None:
        values["taken_at"] = f"{text.taken_at.astimezone(UTC).isoformat()} {text.taken_at_precision}"
    coordinates = {name: float(place[name]) for name in PLACE_NAMES if isinstance(place.get(name), int | float)}
    values["place"] = json.dumps(coordinates) if coordinates else ""
    return {
        name: hashlib.blake2b(value.encode(), digest_size=_DIGEST_BYTES).hexdigest() if value else ""
        for name, value in values.items()
    }


def record_readings(session: Session, media_id: uuid.UUID, readings: Mapping[bytes, Reading]) -> None:
    """Keep what the files of a picture said, by key, in place of what they said before."""
    for key, one in readings.items():
        values = {
            "media_id": media_id,
            "file_key": key,
            "said": Jsonb(one.said),
            "given": Jsonb(one.given),
            "sidecars": one.sidecars,
            "rewritten_sha256": one.rewritten_sha256,
        }
        run_statement(session, _SQL("record"), values)


def list_readings(session: Session, media_id: uuid.UUID) -> dict[bytes, Reading]:
    """What the files of a picture said, by key."""
    rows = session.execute(
        sa.select(
            MediaReading.file_key,
            MediaReading.said,
            MediaReading.given,
            MediaReading.sidecars,
            MediaReading.rewritten_sha256,
        ).where(MediaReading.media_id == media_id)
    )
    return {row.file_key: Reading(row.said, row.given, row.sidecars, row.rewritten_sha256) for row in rows}


def find_media_read_from(session: Session, key: bytes) -> uuid.UUID | None:
    """The picture whose words were read from the file with this key; the newest if it has held several."""
    # Ids are made in the order of time.
    return session.scalar(
        sa.select(MediaReading.media_id)
        .where(MediaReading.file_key == key, MediaReading.file_key != sa.literal_column("''::bytea"))
        .order_by(MediaReading.media_id.desc())
        .limit(1)
    )
