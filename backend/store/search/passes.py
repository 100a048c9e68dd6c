"""Joins what several threads ask for at the same time into few passes over memory."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

_Question = TypeVar("_Question")
_Answer = TypeVar("_Answer")


class PassFailed(Exception):
    """The pass that was to answer a question failed in the thread of another one. That thread raises the cause."""


class _Ticket(Generic[_Question, _Answer]):
    """A waiting question.

    Attributes:
        turn: set when it is answered or its pass has failed, or when its thread is to run a pass.
        batch: the pass that its thread is to run.
        answers: the answer, once there is one.
    """

    def __init__(self, question: _Question) -> None:
        self.question = question
        self.turn = threading.Event()
        self.batch: list[_Ticket[_Question, _Answer]] = []
        self.answers: list[_Answer] = []


class Passes(Generic[_Question, _Answer]):
    """Answers questions in passes. All that wait when a pass begins share it. Thread-safe.

    A question never waits for others to come: it starts a pass unless `most` are running, and then the next pass takes it. Each pass runs in the
    thread of its first question.

    Args:
        run: answers a batch of questions, in their order.
        most: number of passes at the same time, at least 1.
    """

    def __init__(self, run: Callable[[list[_Question]], list[_Answer]], most: int) -> None:
        self._run = run
        self._free = most
        self._lock = threading.Lock()
        self._waiting: list[_Ticket[_Question, _Answer]] = []

    def ask(self, question: _Question) -> _Answer:
        """Wait for the answer. Raises what `run` raises, or PassFailed if it raised in another thread."""
        ticket: _Ticket[_Question, _Answer] = _Ticket(question)
        with self._lock:
            self._waiting.append(ticket)
            if self._free:
                self._free -= 1
                self._hand_over(ticket)
        ticket.turn.wait()
        if ticket.batch:
            self._lead(ticket.batch)
        if not ticket.answers:
            raise PassFailed
        return ticket.answers[0]

    def _hand_over(self, leader: _Ticket[_Question, _Answer]) -> None:
        """Let a question's thread run the next pass, for all that wait now. The caller holds the lock."""
        leader.batch, self._waiting = self._waiting, []
        leader.turn.set()

    def _lead(self, batch: list[_Ticket[_Question, _Answer]]) -> None:
        try:
            answers = self._run([ticket.question for ticket in batch])
            for ticket, answer in zip(batch, answers, strict=True):
                ticket.answers.append(answer)
        finally:
            with self._lock:
                if self._waiting:
                    self._hand_over(self._waiting[0])
                else:
                    self._free += 1
            for ticket in batch:
                ticket.turn.set()
