"""Keeps the vectors of the active space in memory. They are loaded in the background and brought up to date by each query."""

import logging
import threading
import time
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from backend.rules.search import BASIS_SAMPLE, Basis
from backend.store.engine import Database, Snapshot
from backend.store.schema import Space
from backend.store.search.passes import Passes, PassFailed
from backend.store.search.scan import ScanView, VectorScan, bytes_for
from backend.store.search.scan_pass import ScanAnswer, ScanQuestion, answer_together
from backend.store.search.scans import WHOLE, News, Part, begin_snapshot, copy_vectors, count_vectors, fetch_news
from backend.store.spaces import find_active_space

logger = logging.getLogger(__name__)

# With fewer pictures, SQL is as fast.
LEAST_MEDIA = 1_000
# With more new rows than this, the background updates the scan, and the query uses SQL.
_MOST_NEWS = 500
_PATIENCE_SECONDS = 0.2
_PATIENCE_AT_END_SECONDS = 10.0
_REFRESH_SECONDS = 30.0
_COUNT_SECONDS = 300.0
_MOST_GONE = 0.25
# While one pass waits for Postgres, another compares.
_MOST_PASSES = 2
# Fetching pictures by id costs about five times as much as reading all of them.
_MOST_MEASURED = 2_000


class ScanState(StrEnum):
    """State of the scan. `idle`: not requested yet. `small`: too few pictures. `large`: exceeds the memory setting."""

    OFF = "off"
    IDLE = "idle"
    LOADING = "loading"
    READY = "ready"
    SMALL = "small"
    LARGE = "large"
    FAILED = "failed"


@dataclass(frozen=True)
class ScanFigures:
    """State of the scan for metrics. `age_seconds` is the time since it was last up to date, 0 without a scan."""

    state: ScanState
    media: int
    memory_bytes: int
    age_seconds: float


class ScanKeeper:
    """The scan of a process. Cheap to create: loading starts with the first query."""

    def __init__(
        self, database: Database, *, most_bytes: int, least_media: int = LEAST_MEDIA, part: Part = WHOLE
    ) -> None:
        """`part` is what it keeps of the vectors."""
        self.part = part
        self._database = database
        self._most_bytes = most_bytes
        self._least_media = max(1, least_media // part.count)
        self._state = ScanState.IDLE if most_bytes else ScanState.OFF
        self._scan: VectorScan | None = None
        self._wanted = threading.Event()
        self._starting = threading.Lock()
        self._passes: Passes[ScanQuestion, ScanAnswer | None] = Passes(self._answer_together, _MOST_PASSES)
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._refreshed_at = self._counted_at = self._caught_up_at = -float("inf")
        database.before_dispose(self.close)

    @property
    def is_ready(self) -> bool:
        """Whether there is a scan. If there is none, requests one."""
        self._request_refresh()
        return self._scan is not None

    @property
    def count(self) -> int:
        """Number of rows in memory, 0 without a scan."""
        scan = self._scan
        return 0 if scan is None else len(scan)

    @property
    def dimensions(self) -> tuple[int, int] | None:
        """Dimensions of image and text vectors, None without a scan."""
        scan = self._scan
        return None if scan is None else scan.dimensions

    def caught_up(self, session: Session) -> tuple[VectorScan, ScanView] | None:
        """All vectors visible to a statement of this transaction, and possibly some deleted ones.

        None if the query must use SQL: there is no scan yet, too many rows are new, or the transaction has writes or a snapshot of its own.
        """
        if self._state is ScanState.OFF:
            return None
        self._request_refresh()
        scan = self._scan
        if scan is None or not scan.turn.acquire(timeout=_PATIENCE_SECONDS):
            return None
        try:
            seen = scan.snapshot
            news = fetch_news(session, scan.space_id, seen.next_id, seen.in_progress, _MOST_NEWS, self.part)
            until = None if news is None else Snapshot.read(news.snapshot, news.server)
            if news is None or until is None or not _follows(news, until, scan):
                self._wake()
                return None
            if not news.is_plain:
                return None
            scan.catch_up(news.rows, until)
        finally:
            scan.turn.release()
        self._caught_up_at = time.monotonic()
        return scan, scan.view()

    def ask(self, question: ScanQuestion) -> ScanAnswer | None:
        """Answer a query together with those of other threads that wait: one of them reads what is new, all are compared in one pass over
        memory, and one statement measures what can be among their best. A query that comes alone goes alone, at once.

        None if the query must go its own way: see `caught_up` and `answer_together`, or the pass of another thread has failed.
        """
        try:
            return self._passes.ask(question)
        except PassFailed:
            return None

    def _answer_together(self, questions: list[ScanQuestion]) -> list[ScanAnswer | None]:
        # The first is asked by this thread, so that its transaction can be used.
        session = questions[0].session
        kept = self.caught_up(session)
        if kept is None:
            return [None] * len(questions)
        return answer_together(session, *kept, questions, _MOST_MEASURED)

    def figures(self) -> ScanFigures:
        scan = self._scan
        if scan is None:
            return ScanFigures(self._state, 0, 0, 0.0)
        age = time.monotonic() - self._caught_up_at
        return ScanFigures(self._state, scan.live_count, scan.byte_count, age)

    def refresh(self) -> None:
        """Load the scan or bring it up to date, in the foreground. Normally the background does this."""
        if self._state is ScanState.OFF:
            return
        # Loading takes long, so it must not occupy a connection of the pool.
        own = self._database.with_one_connection()
        try:
            with own.transaction() as session:
                self._look(session)
        finally:
            own.dispose()
        self._refreshed_at = time.monotonic()

    def release(self) -> None:
        """Give up the vectors. The next query requests them again."""
        if self._scan is not None:
            self._scan, self._state = None, ScanState.IDLE
            self._refreshed_at = -float("inf")

    def close(self) -> None:
        """End the background thread after its current work."""
        with self._starting:
            self._is_closed = True
            thread = self._thread
        self._wanted.set()
        if thread is not None:
            thread.join(_PATIENCE_AT_END_SECONDS)

    def _look(self, session: Session) -> None:
        snapshot = begin_snapshot(session)
        space = find_active_space(session)
        scan = self._scan
        if space is None:
            self._scan, self._state = None, ScanState.SMALL
        elif (
            scan is None
            or scan.space_id != space.id
            or not scan.snapshot.is_of_database(snapshot)
            or not self._follow(session, scan, snapshot)
        ):
            self._load(session, space, snapshot)

    def _request_refresh(self) -> None:
        """Request a refresh in the background, unless the last one is recent."""
        if self._state is not ScanState.OFF and time.monotonic() - self._refreshed_at > _REFRESH_SECONDS:
            self._wake()

    def _wake(self) -> None:
        with self._starting:
            if self._thread is None and not self._is_closed:
                self._thread = threading.Thread(target=self._run, name="vector-scan", daemon=True)
                self._thread.start()
        self._wanted.set()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            if self._is_closed:
                return
            try:
                self.refresh()
            except Exception:
                # Queries use SQL, and the next one triggers another attempt.
                self._state = ScanState.FAILED if self._scan is None else self._state
                self._refreshed_at = time.monotonic()
                if not self._is_closed:
                    logger.warning("The vector scan could not be refreshed.", exc_info=True)

    def _follow(self, session: Session, scan: VectorScan, snapshot: Snapshot) -> bool:
        """Add new rows. Returns False if the scan must be loaded again."""
        with scan.turn:
            since = scan.snapshot
            # If a query updated the scan since this transaction began, its snapshot is newer.
            if since.next_id > snapshot.next_id:
                return True
            blocks = [
                block
                for with_text in (True, False)
                for block in copy_vectors(
                    session,
                    scan.space_id,
                    scan.dimensions,
                    with_text=with_text,
                    since=(since.next_id, since.in_progress),
                    part=self.part,
                )
            ]
            scan.catch_up(blocks, snapshot)
            self._caught_up_at = time.monotonic()
            if time.monotonic() - self._counted_at < _COUNT_SECONDS:
                return True
            # A restored dump contains transaction ids of another server, and many deleted rows waste time. Then load again.
            self._counted_at = time.monotonic()
            count, live = count_vectors(session, scan.space_id, self.part), scan.live_count
            return count <= live <= count * (1 + _MOST_GONE) + self._least_media

    def _load(self, session: Session, space: Space, snapshot: Snapshot) -> None:
        count = count_vectors(session, space.id, self.part)
        dimensions = space.image_dimension, space.text_dimension
        needed = bytes_for(count, *dimensions)
        if count < self._least_media or needed > self._most_bytes:
            self._scan = None
            self._state = ScanState.SMALL if count < self._least_media else ScanState.LARGE
            return
        self._state = ScanState.LOADING
        begun = time.monotonic()
        scan = VectorScan(space.id, _learn_bases(session, space.id, dimensions, count, self.part), room=count)
        for with_text in (True, False):
            for block in copy_vectors(session, space.id, dimensions, with_text=with_text, part=self.part):
                scan.load(block)
        scan.index()
        scan.snapshot = snapshot
        scan.warm_up()
        self._scan, self._state = scan, ScanState.READY
        self._counted_at = self._caught_up_at = time.monotonic()
        logger.info(
            "The vector scan holds %d pictures in %d MB, loaded in %.1f s.",
            count,
            scan.byte_count // 1_000_000,
            time.monotonic() - begun,
        )


def _follows(news: News, until: Snapshot, scan: VectorScan) -> bool:
    """Whether the scan is up to date with this news: the same space of the same database, and not too much at once."""
    return news.space_id == scan.space_id and news.is_all and until.is_of_database(scan.snapshot)


def _learn_bases(
    session: Session, space_id: int, dimensions: tuple[int, int], count: int, part: Part
) -> tuple[Basis, Basis]:
    """The bases of the image and the text vectors of a space with `count` pictures, from a random sample."""
    images: list[NDArray[np.float32]] = []
    texts: list[NDArray[np.float32]] = []
    for with_text in (True, False):
        for block in copy_vectors(
            session, space_id, dimensions, with_text=with_text, share=BASIS_SAMPLE / max(count, 1), part=part
        ):
            images.append(block.images)
            if block.texts is not None:
                texts.append(block.texts)
    image, text = (
        Basis.learn(np.concatenate([np.zeros((0, dimension), dtype=np.float32), *rows]), dimension, count)
        for rows, dimension in zip((images, texts), dimensions, strict=True)
    )
    return image, text
