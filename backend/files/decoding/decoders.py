"""Pool of decoder processes, so that a picture that crashes, stalls or exhausts memory harms nothing else."""

import os
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
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
from backend.files.decoding.fair_slots import FairSlots
from backend.files.decoding.inspection import Inspection
from backend.files.decoding.process import DecoderDied, DecoderProcess, StartTimer, start_timer
from backend.files.decoding.thumbnails import LONGEST_THUMBNAIL
from backend.files.formats import PictureWarning
from backend.files.limits import Limits
from backend.files.metadata import EmbeddedMetadata
from backend.files.text import MediaText
from backend.moments import DateCandidate

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
# Processes are replaced regularly, so that memory leaks of a library do not add up to the limit.
_FILES_PER_PROCESS: Final = 1000
_PATIENCE_SECONDS: Final = 60.0
# The input of the largest encoders in use. What is decoded for smaller ones is the same, and so are its thumbnails.
LEAST_SIDE_PIXELS: Final = 384


@dataclass(frozen=True, slots=True)
class DecodedPicture:
    """A decoded picture.

    Attributes:
        image: upright RGB picture.
        thumbnails: encoded thumbnails by size; empty unless requested.
        perceptual_hash: the hash; None unless requested.
    """

    image: Image.Image
    thumbnails: dict[str, bytes]
    perceptual_hash: int | None


class Decoders:
    """A pool of decoder processes. Thread-safe; processes start on first use."""

    def __init__(
        self,
        *,
        processes: int,
        seconds: float,
        memory_bytes: int,
        work: str = WORK,
        start_timer: StartTimer = start_timer,
    ) -> None:
        """Create a pool; starts nothing yet.

        Args:
            processes: number of processes.
            seconds: time limit for one file.
            memory_bytes: memory limit of a process.
            work: the function that the processes run, as module:function.
            start_timer: what ends a process that takes too long.
        """
        self.processes = processes
        self._seconds = seconds
        self._memory_bytes = memory_bytes
        self._work = work
        self._start_timer = start_timer
        self._slots = FairSlots(processes)
        self._lock = threading.Lock()
        self._idle: list[DecoderProcess] = []
        self._all: set[DecoderProcess] = set()
        self._owner = os.getpid()
        self._finalizer = weakref.finalize(self, _end_all, self._all, self._owner)

    def inspect(self, data: bytes, limits: Limits) -> tuple[Inspection, EmbeddedMetadata]:
        """Run `inspect_picture` and `read_metadata` in a decoder process.

        Raises:
            InputError: as these functions raise it, and DecodeCrash.
            BackendUnavailable: no decoder can be started, or all are busy for too long.
        """
        answer, _ = self._ask({"task": "inspect", "limits": asdict(limits)}, data)
        text = answer["text"]
        inspection = answer["inspection"]
        warnings = tuple(PictureWarning(**warning) for warning in inspection["warnings"])
        embedded = EmbeddedMetadata(
            MediaText(**text | {"keywords": tuple(text["keywords"])}),
            answer["exif"],
            tuple(DateCandidate.from_json(one) for one in answer["dates"]),
            tuple(answer["warnings"]),
        )
        return Inspection(**inspection | {"warnings": warnings}), embedded

    def decode(
        self,
        data: bytes,
        limits: Limits,
        *,
        at_least: int | None = None,
        longest: int = 0,
        fit: int | tuple[int, int] | None = None,
        derive: bool = False,
        hashed: bool = False,
    ) -> DecodedPicture:
        """Run `decode_picture` in a decoder process. Raises as `inspect`.

        Args:
            data: the file.
            limits: limits of a picture.
            at_least: see `decode_picture`.
            longest: see `decode_picture`.
            fit: shrink to this many pixels on the shorter side, or to (width, height); None for no shrinking.
            derive: also make thumbnails and the perceptual hash, from the pixels before shrinking.
            hashed: also make the perceptual hash.
        """
        request = {
            "task": "decode",
            "limits": asdict(limits),
            "at_least": at_least,
            "longest": longest,
            "fit": fit,
            "derive": derive,
            "hashed": hashed,
        }
        answer, (pixels, *thumbnails) = self._ask(request, data)
        return DecodedPicture(
            Image.frombytes("RGB", tuple(answer["size"]), pixels),
            dict(zip(answer["thumbnails"], thumbnails, strict=True)),
            answer["perceptual_hash"],
        )

    def decode_original(
        self,
        data: bytes,
        limits: Limits,
        *,
        side: int = 0,
        fit: int | tuple[int, int] | None = 1,
        derive: bool = True,
    ) -> DecodedPicture:
        """Decode for vectors that are stored, and for thumbnails: at twice `side` and at least as large as the large thumbnail.

        All that make these use it, so that a vector or thumbnail does not depend on which step has made it. Raises as `inspect`.

        Args:
            data: the file.
            limits: limits of a picture.
            side: the input of the encoder, in pixels.
            fit: see `decode`.
            derive: see `decode`.
        """
        side = max(side, LEAST_SIDE_PIXELS)
        return self.decode(data, limits, at_least=side, longest=LONGEST_THUMBNAIL, fit=fit, derive=derive)

    def has_other_colors(self, data: bytes, limits: Limits) -> bool:
        """Whether a picture has colors other than sRGB, which decoding converts. Decodes no pixels. Raises as `inspect`."""
        answer, _ = self._ask({"task": "colors", "limits": asdict(limits)}, data)
        return bool(answer["others"])

    def start(self) -> None:
        """Start all processes now, so that the first pictures do not wait for them. Raises BackendUnavailable."""
        with self._lock:
            missing = self.processes - len(self._all)
        for _ in range(missing):
            self._put_back(self._start())

    def pids(self) -> list[int]:
        """The ids of the running processes."""
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
            # Retry once: the kernel may have killed the process because of another one that used up the memory.
            answer, blobs = self._ask_once(request, data)
        if "error" in answer:
            raise _ERRORS.get(answer["error"], ImageCorrupt)(answer["detail"], hint=answer["hint"])
        if "failure" in answer:
            raise DecodeCrash(f"The decoder failed on the picture ({answer['failure']}).")
        return answer, blobs

    def _ask_once(self, request: dict[str, Any], data: bytes) -> tuple[dict[str, Any], Sequence[bytes]]:
        with self._lend() as decoder:
            return decoder.ask(request, [data])

    @contextmanager
    def _lend(self) -> Iterator[DecoderProcess]:
        """Lend one decoder process exclusively."""
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
            if self._owner != os.getpid():  # after a fork these processes belong to the parent
                self._idle, self._all, self._owner = [], set(), os.getpid()
                self._finalizer = weakref.finalize(self, _end_all, self._all, self._owner)
            while self._idle:
                decoder = self._idle.pop()
                if decoder.lives:
                    return decoder
                self._forget(decoder)
        return None

    def _start(self) -> DecoderProcess:
        decoder = DecoderProcess(self._work, self._memory_bytes, self._seconds, self._start_timer)
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
