"""Clients that upload over HTTP with an Idempotency-Key, and retry until they get a response."""

import hashlib
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from queue import Empty, PriorityQueue

import httpx

from scripts.chaos.pictures import draw_picture

_TRY_AGAIN = {409, 429, 503, 507}
_TIMEOUT_SECONDS = 30.0
_PAUSE_SECONDS = 0.5
_SHARE_SENT_TWICE = 0.08


@dataclass(frozen=True, order=True)
class Upload:
    """A request to send: the number of its picture, and its key. `not_before` is a time of the monotonic clock."""

    not_before: float
    number: int
    key: str = field(compare=False)


@dataclass(frozen=True)
class Acknowledged:
    """A client's record of an acknowledged upload."""

    number: int
    key: str
    sha256: bytes
    media_id: str
    duplicate: bool


@dataclass
class Ledger:
    """What all clients sent and received."""

    acknowledged: list[Acknowledged] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self) -> int:
        return len(self.acknowledged)


class Clients:
    """Threads that work through one queue of uploads. Some pictures are sent twice, with the same key or with another one."""

    def __init__(self, ports: Sequence[int], *, count: int, seed: int, threads: int, pause_seconds: float) -> None:
        self.ledger = Ledger()
        self.total = 0
        self._ports = ports
        self._seed = seed
        self._pause_seconds = pause_seconds
        self._queue: PriorityQueue[Upload] = PriorityQueue()
        self._allowed = threading.Semaphore(0)
        self._stopping = threading.Event()
        generator = random.Random(seed)  # noqa: S311 - not a secret
        for number in range(count):
            self._put(number, f"{seed}-{number}")
            if generator.random() < _SHARE_SENT_TWICE:
                self._put(number, f"{seed}-{number}-again")
            if generator.random() < _SHARE_SENT_TWICE:
                self._put(number, f"{seed}-{number}")
        self._threads = [threading.Thread(target=self._work, name=f"client-{n}", daemon=True) for n in range(threads)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def allow(self, count: int) -> None:
        """Allow the clients to start this many more uploads."""
        self._allowed.release(count)

    def stop(self) -> None:
        """Stop, and drop uploads without a response."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    @property
    def are_done(self) -> bool:
        return self.ledger.count() >= self.total

    def _put(self, number: int, key: str) -> None:
        self.total += 1
        self._queue.put(Upload(0.0, number, key))

    def _work(self) -> None:
        with httpx.Client(timeout=_TIMEOUT_SECONDS) as client:
            turn = 0
            while not self._stopping.is_set():
                if not self._allowed.acquire(timeout=0.2):
                    continue
                try:
                    upload = self._queue.get_nowait()
                except Empty:
                    continue
                if (early := upload.not_before - time.monotonic()) > 0:
                    time.sleep(min(early, _PAUSE_SECONDS))
                turn += 1
                if not self._send(client, self._ports[turn % len(self._ports)], upload):
                    self._queue.put(Upload(time.monotonic() + _PAUSE_SECONDS, upload.number, upload.key))
                    self._allowed.release()
                time.sleep(self._pause_seconds)

    def _send(self, client: httpx.Client, port: int, upload: Upload) -> bool:
        data = draw_picture(self._seed, upload.number)
        try:
            answer = client.post(
                f"http://127.0.0.1:{port}/media",
                files={"file": (f"{upload.number}.jpg", data, "image/jpeg")},
                headers={"Idempotency-Key": upload.key},
            )
        except httpx.TransportError as error:
            self._note(type(error).__name__)
            return False
        self._note(str(answer.status_code))
        if answer.status_code in _TRY_AGAIN:
            if "retry-after" not in answer.headers and answer.status_code != 507:
                self._break(f"{answer.status_code} without Retry-After: {answer.text}")
            return False
        if answer.status_code not in {200, 202}:
            self._break(f"picture {upload.number} was answered {answer.status_code}: {answer.text}")
            return False
        told = answer.json()["media"][0]
        sha256 = hashlib.sha256(data).digest()
        with self.ledger.lock:
            self.ledger.acknowledged.append(
                Acknowledged(upload.number, upload.key, sha256, told["id"], told["duplicate"])
            )
        return True

    def _note(self, answer: str) -> None:
        with self.ledger.lock:
            self.ledger.answers[answer] += 1

    def _break(self, what: str) -> None:
        with self.ledger.lock:
            self.ledger.broken.append(what)
