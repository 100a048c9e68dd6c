"""The vectors of one space in memory, in coded form, and their synchronization with the table."""

import threading
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from backend.rules.search import BOUND_BYTES, Basis, CodedMedia, Kind, Probe, Weights, measure_side, reach
from backend.store.engine import Snapshot
from backend.store.search.scans import VectorRows

ID_BYTES = 16
_T = TypeVar("_T", bound=np.generic)
_SPARE_SHARE = 8
_LEAST_SPARE = 4096


@dataclass(frozen=True, eq=False)
class ScanView:
    """Rows that one query reads. Later rows are appended behind it.

    Attributes:
        ids: (n, 16) ids of the pictures.
        media: their coded vectors.
        kinds: (n,) bits of `Kind`, without LIVE for rows known to be deleted.
        has_textless: whether some row has no text.
        as_of: what the rows are at least as new as.
    """

    ids: NDArray[np.uint8]
    media: CodedMedia
    kinds: NDArray[np.uint8]
    has_textless: bool
    as_of: Snapshot

    def __len__(self) -> int:
        return len(self.ids)

    def are(self, kind: Kind) -> NDArray[np.bool_]:
        """Which rows (n,) are all of this kind."""
        found: NDArray[np.bool_] = self.kinds & np.uint8(kind) == kind
        return found


class VectorScan:
    """Growing arrays. Each row is a version of a picture's vectors. Thread-safe."""

    def __init__(self, space_id: int, bases: tuple[Basis, Basis], room: int) -> None:
        self.space_id = space_id
        self.snapshot = Snapshot(0, ())
        self.turn = threading.Lock()
        self._lock = threading.Lock()
        self._count = 0
        room = _room(room)
        self._media = CodedMedia.empty(room, bases)
        self._ids = np.zeros((room, ID_BYTES), dtype=np.uint8)
        self._written_by = np.zeros(room, dtype=np.int64)
        self._kinds = np.zeros(room, dtype=np.uint8)
        self._has_textless = False
        self._index = _Index()

    def __len__(self) -> int:
        return self._count

    @property
    def live_count(self) -> int:
        with self._lock:
            return int(np.count_nonzero(self._kinds[: self._count] & Kind.LIVE))

    @property
    def byte_count(self) -> int:
        """Size of the arrays."""
        with self._lock:
            return len(self._ids) * _bytes_per_media(*self.dimensions)

    def view(self) -> ScanView:
        with self._lock:
            used = slice(self._count)
            return ScanView(
                self._ids[used],
                self._media.first(self._count),
                self._kinds[used].copy(),
                self._has_textless,
                self.snapshot,
            )

    @property
    def dimensions(self) -> tuple[int, int]:
        """Dimensions of image and text vectors."""
        image, text = self._media.bases
        return image.dimension, text.dimension

    def load(self, rows: VectorRows) -> None:
        """Append rows of pictures that are not here yet. Call `index` after the last of them."""
        with self._lock:
            self._append(rows)

    def index(self) -> None:
        """Index the rows by picture."""
        with self._lock:
            self._index = _Index(self._ids[: self._count])

    def warm_up(self) -> None:
        """Compile the functions that queries call."""
        nothing = self._media.first(0)
        image, text = (np.ones(dimension) for dimension in self.dimensions)
        reach(nothing, self._kinds[:0], [Probe(image, text, Weights(0.5, 0.5), 1)])
        measure_side(nothing, 0, image)

    def catch_up(self, parts: list[VectorRows], until: Snapshot) -> None:
        """Add what was written since `snapshot`, as seen by the snapshot `until`. Known rows are skipped; a rewritten picture's old row is
        marked as deleted. The caller holds `turn` since before it read the rows, so that snapshots are applied in order."""
        with self._lock:
            for rows in parts:
                self._take(rows)
            self.snapshot = until

    def bury(self, rows: NDArray[np.int64]) -> None:
        """Mark rows of deleted pictures."""
        if len(rows):
            with self._lock:
                self._kinds[rows] &= ~np.uint8(Kind.LIVE)

    def _take(self, rows: VectorRows) -> None:
        known = [self._index.find(media_id.tobytes()) for media_id in rows.ids]
        fresh = [
            index for index, row in enumerate(known) if row is None or self._written_by[row] != rows.written_by[index]
        ]
        first = self._count
        self._append(_selected(rows, fresh))
        for row, index in enumerate(fresh, first):
            old = known[index]
            if old is not None:
                self._kinds[old] &= ~np.uint8(Kind.LIVE)
            self._index.put(rows.ids[index].tobytes(), row)

    def _append(self, rows: VectorRows) -> None:
        begin, end = self._count, self._count + len(rows.ids)
        self._reserve(end)
        self._media.write(begin, rows.images, rows.texts)
        self._ids[begin:end] = rows.ids
        self._written_by[begin:end] = rows.written_by
        self._has_textless = self._has_textless or (rows.texts is None and len(rows.ids) > 0)
        self._kinds[begin:end] = Kind.LIVE | (Kind.WITHOUT_TEXT if rows.texts is None else Kind.WITH_TEXT)
        self._count = end

    def _reserve(self, count: int) -> None:
        if count <= len(self._ids):
            return
        # Existing views keep the old arrays.
        room = _room(count)
        self._media = self._media.grown(room)
        self._ids = _enlarged(self._ids, room)
        self._written_by = _enlarged(self._written_by, room)
        self._kinds = _enlarged(self._kinds, room)


def bytes_for(count: int, image_dimension: int, text_dimension: int) -> int:
    """Size of a scan of this many pictures."""
    return _room(count) * _bytes_per_media(image_dimension, text_dimension)


def _bytes_per_media(image_dimension: int, text_dimension: int) -> int:
    """Two coded vectors with their scales and lengths, the id, the writer, the kind and the index."""
    return image_dimension + text_dimension + BOUND_BYTES + ID_BYTES + 8 + 1 + ID_BYTES + 8


def _room(count: int) -> int:
    return count + _LEAST_SPARE + count // _SPARE_SHARE


class _Index:
    """Maps the id of a picture to its newest row: a sorted array for loaded rows, a dictionary for later ones."""

    def __init__(self, ids: NDArray[np.uint8] | None = None) -> None:
        keys = id_keys(np.zeros((0, ID_BYTES), dtype=np.uint8) if ids is None else ids)
        self._order = np.argsort(keys)
        self._sorted = keys[self._order]
        self._later: dict[bytes, int] = {}

    def find(self, media_id: bytes) -> int | None:
        row = self._later.get(media_id)
        if row is not None or not len(self._sorted):
            return row
        key = np.frombuffer(media_id, dtype=f"S{ID_BYTES}")
        index = int(np.searchsorted(self._sorted, key)[0])
        if index == len(self._sorted) or self._sorted[index] != key[0]:
            return None
        return int(self._order[index])

    def put(self, media_id: bytes, row: int) -> None:
        self._later[media_id] = row


def id_keys(ids: NDArray[np.uint8]) -> NDArray[np.bytes_]:
    """Ids (n, 16) as byte strings (n,), which numpy can sort. Padding with zeros is harmless, since all have the same length."""
    return np.ascontiguousarray(ids).view(f"S{ID_BYTES}").ravel()


def _selected(rows: VectorRows, indexes: list[int]) -> VectorRows:
    texts = None if rows.texts is None else rows.texts[indexes]
    return VectorRows(rows.ids[indexes], rows.written_by[indexes], rows.images[indexes], texts)


def _enlarged(array: NDArray[_T], room: int) -> NDArray[_T]:
    grown = np.zeros((room, *array.shape[1:]), dtype=array.dtype)
    grown[: len(array)] = array
    return grown
