"""Contents of a backup: `manifest.json`, and `SHA256SUMS-*` with one line per file, as sha256sum reads it."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from backend.documents import read_json
from backend.errors import BackupDamaged
from backend.files.storage import check_key

MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"
_FORMAT = 2
# In format 1, the list was called SHA256SUMS for every run.
_READABLE = {1, _FORMAT}
_PIECE_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Manifest:
    """Versions, counts and checksums (hexadecimal SHA-256) of a backup.

    Attributes:
        mediacluster: version that wrote it.
        schema_revision: revision of the schema.
        postgres_major: major version of the server.
        created_at: time of the backup.
        rows: number of rows by table.
        files: number of files in the list.
        byte_size: their total size.
        database: name of the dump.
        database_sha256: checksum of the dump.
        sums_sha256: checksum of the list of files.
        missing: originals that were missing.
        sums: name of the list of files.
        format: version of this format.
    """

    mediacluster: str
    schema_revision: str
    postgres_major: int
    created_at: str
    rows: dict[str, int]
    files: int
    byte_size: int
    database: str
    database_sha256: str
    sums_sha256: str
    missing: list[str] = field(default_factory=list)
    sums: str = SUMS
    format: int = _FORMAT

    def to_json(self) -> bytes:
        return (json.dumps(asdict(self), indent=2) + "\n").encode()

    @classmethod
    def from_json(cls, data: bytes) -> "Manifest":
        """Parse a manifest. Raises BackupDamaged."""
        try:
            content = read_json(data)
            if content["format"] not in _READABLE:
                raise BackupDamaged(
                    f"The backup has format {content['format']}; this version reads format {_FORMAT} and older.",
                    hint="Restore it with the mediacluster version named in its manifest.",
                )
            return cls(**content)
        except (ValueError, TypeError, KeyError) as error:
            raise BackupDamaged(f"{MANIFEST} cannot be read ({error}).") from error


@dataclass(frozen=True)
class Sum:
    """A file of a backup and its checksum."""

    name: str
    sha256: str

    def line(self) -> str:
        return f"{self.sha256}  {self.name}\n"


def read_sums(path: Path) -> Iterator[Sum]:
    """Yield the lines of SHA256SUMS. Raises BackupDamaged for a malformed line or a file outside the backup."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            sha256, _, name = line.rstrip("\n").partition("  ")
            try:
                yield Sum(check_key(name), _check_digest(sha256))
            except ValueError as error:
                raise BackupDamaged(f"{SUMS} has the line {line[:100]!r}: {error}.") from None


def _check_digest(sha256: str) -> str:
    if len(bytes.fromhex(sha256)) != hashlib.sha256().digest_size:
        raise ValueError("it has no checksum")
    return sha256


def sha256_of(path: Path) -> str:
    """The hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()
