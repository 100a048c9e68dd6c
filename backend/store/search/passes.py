"""Joins what several threads ask for at the same time into few passes over memory."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

_Question = TypeVar("_Question")
_Answer = TypeVar("_Answer")


class _Ticket(Generic[_Question, _Answer]):
    """A waiting question.

    Attributes:
        turn: set when it is answered or has failed, or when its thread is to run a pass.
        batch: the pass that its thread is to run.
    """

    def __init__(self, question: _Question) -> None:
        self.question = question
        self.turn = threading.Event()
        self.batch: list[_Ticket[_Question, _Answer]] = []
        self.answer: _Answer | None = None
        self.error: BaseException | None = None


class Passes(Generic[_Question, _Answer]):
    """Answers questions in passes. All that wait when a pass begins share it. Thread-safe.

    A question never waits for others to come: it starts a pass unless `most` are running, and then the next pass takes it. Each pass runs in the
    thread of one of its questions.

    Args:
        run: answers a batch of questions, in their order. If it raises, so do all questions of the batch.
        most: number of passes at the same time, at least 1.
    """

    def __init__(self, run: Callable[[list[_Question]], list[_Answer]], most: int) -> None:
        self._run = run
        self._free = most
        self._lock = threading.Lock()
        self._waiting: list[_Ticket[_Question, _Answer]] = []

    def ask(self, question: _Question) -> _Answer:
        ticket: _Ticket[_Question, _Answer] = _Ticket(question)
        with self._lock:
            self._waiting.append(ticket)
            if self._free:
                self._free -= 1
                self._hand_over(ticket)
        ticket.turn.wait()
        if ticket.batch:
            self._lead(ticket.batch)
        if ticket.error is not None:
            raise ticket.error
        assert ticket.answer is not None
        return ticket.answer

    def _hand_over(self, leader: _Ticket[_Question, _Answer]) -> None:
        """Let a question's thread run the next pass, for all that wait now. The caller holds the lock."""
        leader.batch, self._waiting = self._waiting, []
        leader.turn.set()

    def _lead(self, batch: list[_Ticket[_Question, _Answer]]) -> None:
        try:
            answers = self._run([ticket.question for ticket in batch])
            for ticket, answer in zip(batch, answers, strict=True):
                ticket.answer = answer
        except BaseException as error:  # noqa: BLE001 - raised again in each thread that asked
            for ticket in batch:
                ticket.error = error
        with self._lock:
            if self._waiting:
                self._hand_over(self._waiting[0])
            else:
                self._free += 1
        for ticket in batch:
            ticket.turn.set()
