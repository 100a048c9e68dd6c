"""Decode pictures in processes of their own: one that crashes, stalls or eats memory takes nothing else along."""

import os
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from PIL import Image

from backend.errors import (
    BackendUnavailable,
    ConfigurationError,
    DecodeCrash,
    FileTooLarge,
    ImageCorrupt,
    ImageTruncated,
    InvalidText,
    MediaclusterError,
    MetadataTooLarge,
    TooManyPixels,
    UnsupportedFormat,
)
from backend.files.decoding.inspection import Inspection
from backend.files.decoding.process import DecoderDied, DecoderProcess
from backend.files.limits import Limits
from backend.files.metadata import EmbeddedMetadata
from backend.files.text import MediaText

WORK: Final = "backend.files.decoding.work:work"

_ERRORS: Final[dict[str, type[MediaclusterError]]] = {
    error.code: error
    for error in (
        ConfigurationError,
        FileTooLarge,
        ImageCorrupt,
        ImageTruncated,
        InvalidText,
        MetadataTooLarge,
        TooManyPixels,
        UnsupportedFormat,
    )
}
# A fresh process now and then, so that what a library loses does not add up to its limit of memory.
_FILES_PER_PROCESS: Final = 1000
_PATIENCE_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class DecodedPicture:
    """An upright RGB picture; `thumbnails` by size and `perceptual_hash` where they were asked for."""

    image: Image.Image
    thumbnails: dict[str, bytes]
    perceptual_hash: int | None


class Decoders:
    """A few processes that decode. Threads may share it; processes start when they are first needed."""

    def __init__(self, *, processes: int, seconds: float, memory_bytes: int, work: str = WORK) -> None:
        """`seconds` and `memory_bytes` bound one file; `work` is what the processes run, as module:function."""
        self.processes = processes
        self._seconds = seconds
        self._memory_bytes = memory_bytes
        self._work = work
        self._slots = threading.BoundedSemaphore(processes)
        self._lock = threading.Lock()
        self._idle: list[DecoderProcess] = []
        self._all: set[DecoderProcess] = set()
        self._owner = os.getpid()
        self._finalizer = weakref.finalize(self, _end_all, self._all, self._owner)

    def inspect(self, data: bytes, limits: Limits) -> tuple[Inspection, EmbeddedMetadata]:
        """`inspect_picture` and `read_metadata`.

        Raises:
            InputError: what those raise, and DecodeCrash.
            BackendUnavailable: no decoder can be started, or all are busy for too long.
        """
        answer, _ = self._ask({"task": "inspect", "limits": asdict(limits)}, data)
        text = answer["text"]
        taken_at = datetime.fromisoformat(text["taken_at"]) if text["taken_at"] else None
        return (
            Inspection(**answer["inspection"]),
            EmbeddedMetadata(
                MediaText(**text | {"keywords": tuple(text["keywords"]), "taken_at": taken_at}), answer["exif"]
            ),
        )

    def decode(
        self,
        data: bytes,
        limits: Limits,
        *,
        at_least: int | None = None,
        fit: int | tuple[int, int] | None = None,
        derive: bool = False,
    ) -> DecodedPicture:
        """`decode_picture`, then shrunk to `fit` pixels on the shorter side, or to (width, height); None: as it is.

        With `derive` also thumbnails and perceptual hash, made from the pixels before they are shrunk. Raises as
        `inspect`.
        """
        request = {"task": "decode", "limits": asdict(limits), "at_least": at_least, "fit": fit, "derive": derive}
        answer, (pixels, *thumbnails) = self._ask(request, data)
        return DecodedPicture(
            Image.frombytes("RGB", tuple(answer["size"]), pixels),
            dict(zip(answer["thumbnails"], thumbnails, strict=True)),
            answer["perceptual_hash"],
        )

    def start(self) -> None:
        """Start all processes now, so that the first pictures need not wait for them. Raises BackendUnavailable."""
        with self._lock:
            missing = self.processes - len(self._all)
        for _ in range(missing):
            self._put_back(self._start())

    def pids(self) -> list[int]:
        """The ids of the processes that run now."""
        with self._lock:
            return [one.process.pid for one in self._all if one.lives]

    def close(self) -> None:
        """End all processes; the next file starts new ones."""
        with self._lock:
            self._idle.clear()
        _end_all(self._all, self._owner)

    def _ask(self, request: dict[str, Any], data: bytes) -> tuple[dict[str, Any], Sequence[bytes]]:
        try:
            answer, blobs = self._ask_once(request, data)
        except DecoderDied:
            # It may have been killed for another's sake, as the kernel does when memory is short.
            answer, blobs = self._ask_once(request, data)
        if "error" in answer:
            raise _ERRORS.get(answer["error"], ImageCorrupt)(answer["detail"], hint=answer["hint"])
        if "failure" in answer:
            raise DecodeCrash(f"The decoder failed on the picture ({answer['failure']}).")
        return answer, blobs

    def _ask_once(self, request: dict[str, Any], data: bytes) -> tuple[dict[str, Any], Sequence[bytes]]:
        with self._one() as decoder:
            return decoder.ask(request, [data])

    @contextmanager
    def _one(self) -> Iterator[DecoderProcess]:
        """A process of one's own for a while."""
        if not self._slots.acquire(timeout=self._seconds + _PATIENCE_SECONDS):
            raise BackendUnavailable("All decoders are busy.", hint="Try again later.")
        try:
            decoder = self._find_idle() or self._start()
            try:
                yield decoder
            finally:
                self._put_back(decoder)
        finally:
            self._slots.release()

    def _find_idle(self) -> DecoderProcess | None:
        with self._lock:
            if self._owner != os.getpid():  # after a fork: those are the parent's
                self._idle, self._all, self._owner = [], set(), os.getpid()
                self._finalizer = weakref.finalize(self, _end_all, self._all, self._owner)
            while self._idle:
                decoder = self._idle.pop()
                if decoder.lives:
                    return decoder
                self._forget(decoder)
        return None

    def _start(self) -> DecoderProcess:
        decoder = DecoderProcess(self._work, self._memory_bytes, self._seconds)
        with self._lock:
            self._all.add(decoder)
        return decoder

    def _put_back(self, decoder: DecoderProcess) -> None:
        with self._lock:
            if decoder.lives and decoder.files < _FILES_PER_PROCESS:
                self._idle.append(decoder)
            else:
                self._forget(decoder)

    def _forget(self, decoder: DecoderProcess) -> None:
        decoder.kill()
        self._all.discard(decoder)


def _end_all(processes: set[DecoderProcess], owner: int) -> None:
    if owner == os.getpid():
        for one in list(processes):
            one.kill()
        processes.clear()
