"""The vectors of one space in memory, coded, with what keeps them in step with the table."""

import threading
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from backend.rules.search import Codes, measure
from backend.store.search.scans import VectorRows

ID_BYTES = 16
_T = TypeVar("_T", bound=np.generic)
_SPARE_SHARE = 8
_LEAST_SPARE = 4096


@dataclass(frozen=True)
class Snapshot:
    """Whose writing was visible: all transactions below `next_id` but those in progress (pg_snapshot of Postgres)."""

    next_id: int
    in_progress: tuple[int, ...]

    @classmethod
    def read(cls, words: str) -> "Snapshot":
        """From the text of a pg_snapshot, xmin:xmax:xip,..."""
        _, next_id, in_progress = words.split(":")
        return cls(int(next_id), tuple(int(one) for one in in_progress.split(",") if one))


@dataclass(frozen=True, eq=False)
class ScanView:
    """What one query reads; rows that come later lie behind it. is_live: (n,) False for rows known to be gone."""

    ids: NDArray[np.uint8]
    images: Codes
    texts: Codes
    has_text: NDArray[np.bool_]
    is_live: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ids)


class VectorScan:
    """Growing arrays; a row is a version of a media's vectors. Safe between threads."""

    def __init__(self, space_id: int, image_dimension: int, text_dimension: int, room: int) -> None:
        self.space_id = space_id
        self.snapshot = Snapshot(0, ())
        self.turn = threading.Lock()
        self._lock = threading.Lock()
        self._count = 0
        room = _room(room)
        self._images = Codes.empty(room, image_dimension)
        self._texts = Codes.empty(room, text_dimension)
        self._ids = np.zeros((room, ID_BYTES), dtype=np.uint8)
        self._written_by = np.zeros(room, dtype=np.int64)
        self._has_text = np.zeros(room, dtype=np.bool_)
        self._is_live = np.zeros(room, dtype=np.bool_)
        self._index = _Index()

    @property
    def live_count(self) -> int:
        with self._lock:
            return int(np.count_nonzero(self._is_live[: self._count]))

    @property
    def byte_count(self) -> int:
        """What the arrays take."""
        with self._lock:
            return len(self._ids) * _bytes_per_media(*self.dimensions)

    def view(self) -> ScanView:
        with self._lock:
            used = slice(self._count)
            return ScanView(
                self._ids[used],
                self._images.first(self._count),
                self._texts.first(self._count),
                self._has_text[used],
                self._is_live[used].copy(),
            )

    @property
    def dimensions(self) -> tuple[int, int]:
        """Of the image and of the text vectors."""
        return self._images.dimension, self._texts.dimension

    def load(self, rows: VectorRows) -> None:
        """Append rows of media that are not here yet. Call `index` after the last of them."""
        with self._lock:
            self._append(rows)

    def index(self) -> None:
        """Make rows findable by the ids of their media."""
        with self._lock:
            self._index = _Index(self._ids[: self._count])

    def warm_up(self) -> None:
        """Compile what queries run."""
        measure(self._images.first(0), np.ones(self._images.dimension, dtype=np.float32))

    def catch_up(self, parts: list[VectorRows], until: Snapshot) -> None:
        """Take over what was written since `snapshot`, as a snapshot sees it. What is here already is passed by; of a media
        that was written anew the old version dies. To be called with `turn` held since the rows were asked for, so
        that snapshots follow one another."""
        with self._lock:
            for rows in parts:
                self._take(rows)
            self.snapshot = until

    def bury(self, rows: NDArray[np.int64]) -> None:
        """Rows whose media are gone."""
        if len(rows):
            with self._lock:
                self._is_live[rows] = False

    def _take(self, rows: VectorRows) -> None:
        known = [self._index.find(media_id.tobytes()) for media_id in rows.ids]
        fresh = [
            place for place, row in enumerate(known) if row is None or self._written_by[row] != rows.written_by[place]
        ]
        first = self._count
        self._append(_taken(rows, fresh))
        for row, place in enumerate(fresh, first):
            old = known[place]
            if old is not None:
                self._is_live[old] = False
            self._index.put(rows.ids[place].tobytes(), row)

    def _append(self, rows: VectorRows) -> None:
        begin, end = self._count, self._count + len(rows.ids)
        self._reserve(end)
        self._images.write(begin, rows.images)
        if rows.texts is not None:
            self._texts.write(begin, rows.texts)
        self._ids[begin:end] = rows.ids
        self._written_by[begin:end] = rows.written_by
        self._has_text[begin:end] = rows.texts is not None
        self._is_live[begin:end] = True
        self._count = end

    def _reserve(self, count: int) -> None:
        if count <= len(self._ids):
            return
        # Views go on reading the old arrays.
        room = _room(count)
        self._images, self._texts = self._images.grown(room), self._texts.grown(room)
        self._ids = _grown(self._ids, room)
        self._written_by = _grown(self._written_by, room)
        self._has_text = _grown(self._has_text, room)
        self._is_live = _grown(self._is_live, room)


def bytes_for(count: int, image_dimension: int, text_dimension: int) -> int:
    """What a scan of so many media takes."""
    return _room(count) * _bytes_per_media(image_dimension, text_dimension)


def _bytes_per_media(image_dimension: int, text_dimension: int) -> int:
    """Two codings with a scale and a loss each, the id, its writer, the marks, and the index."""
    return image_dimension + text_dimension + 2 * 8 + ID_BYTES + 8 + 2 + ID_BYTES + 8


def _room(count: int) -> int:
    return count + _LEAST_SPARE + count // _SPARE_SHARE


class _Index:
    """From the id of a media to its newest row: sorted for what was loaded, a dictionary for what has come since."""

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
        place = int(np.searchsorted(self._sorted, key)[0])
        if place == len(self._sorted) or self._sorted[place] != key[0]:
            return None
        return int(self._order[place])

    def put(self, media_id: bytes, row: int) -> None:
        self._later[media_id] = row


def id_keys(ids: NDArray[np.uint8]) -> NDArray[np.bytes_]:
    """Ids (n, 16) as strings of bytes (n,), which numpy can sort. It pads with zeros, so equal lengths compare right."""
    return np.ascontiguousarray(ids).view(f"S{ID_BYTES}").ravel()


def _taken(rows: VectorRows, places: list[int]) -> VectorRows:
    texts = None if rows.texts is None else rows.texts[places]
    return VectorRows(rows.ids[places], rows.written_by[places], rows.images[places], texts)


def _grown(array: NDArray[_T], room: int) -> NDArray[_T]:
    grown = np.zeros((room, *array.shape[1:]), dtype=array.dtype)
    grown[: len(array)] = array
    return grown
