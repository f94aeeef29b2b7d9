"""Undo and redo of what is done to the form: a bounded list of steps, each with what it is called."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import NamedTuple

MOST_STEPS = 100
_BURST = 1.5  # seconds between moves of one slider that are one step


class Step[T](NamedTuple):
    """A step: what it is called, and the state on its other side."""

    name: str
    state: T


class History[T]:
    """Steps back and forth; immutable, so that a page sees that it has changed.

    Attributes:
        back, forth: steps that can be undone and redone, the next one last.
    """

    def __init__(
        self,
        back: tuple[Step[T], ...] = (),
        forth: tuple[Step[T], ...] = (),
        burst: tuple[Hashable, float] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.back, self.forth, self._burst, self._clock = back[-MOST_STEPS:], forth, burst, clock

    def step(self, state: T, name: Callable[[T], str], of: Hashable = None) -> History[T]:
        """Return the history with one more step, from `state`; nothing can be redone after it.

        Steps quickly one after another of the same field (`of`, if it is not None) are one, from the first.
        """
        now = self._clock()
        going_on = self._burst is not None and self._burst[0] == of and now - self._burst[1] < _BURST
        if of is not None and self.back and going_on:
            first = self.back[-1].state
            return History((*self.back[:-1], Step(name(first), first)), (), (of, now), self._clock)
        return History((*self.back, Step(name(state), state)), (), (of, now), self._clock)

    def ended(self) -> History[T]:
        """Return the history with which the next step is one of its own, whatever came before it."""
        return History(self.back, self.forth, None, self._clock)

    def undone(self, state: T) -> tuple[T, History[T]] | None:
        """Return the state before the last step, and the history then; None if there is no step."""
        if not self.back:
            return None
        last = self.back[-1]
        return last.state, History(self.back[:-1], (*self.forth, Step(last.name, state)), None, self._clock)

    def redone(self, state: T) -> tuple[T, History[T]] | None:
        """Return the state after the step that was undone last, and the history then; None if there is none."""
        if not self.forth:
            return None
        last = self.forth[-1]
        return last.state, History((*self.back, Step(last.name, state)), self.forth[:-1], None, self._clock)
