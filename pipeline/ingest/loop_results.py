"""Results that a thread gives to coroutines: however many at once, their loop is woken once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Generator
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar

Given = TypeVar("Given")
Taken = TypeVar("Taken", contravariant=True)


class Settled(Protocol[Taken]):
    """What a result is given to, once, from any thread; a ``Future`` is one."""

    def set_result(self, result: Taken, /) -> None:
        """All went well."""

    def set_exception(self, exception: BaseException, /) -> None:
        """It did not."""


class LoopResults:
    """The results that coroutines of one loop wait for.

    A future of ``concurrent.futures`` would do, but costs locks, callbacks and a waking of the loop each.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._given: deque[tuple[asyncio.Future[Any], Any, BaseException | None]] = deque()
        self._is_woken = False

    def expected(self) -> LoopResult[Any]:
        """A result that is still to come."""
        return LoopResult(self, self._loop.create_future())

    def give(self, future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
        """By any thread; nothing where the loop is closed, as then nobody waits."""
        self._given.append((future, result, error))
        if not self._is_woken:
            self._is_woken = True
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        self._is_woken = False  # before the look, so that what comes after it wakes the loop again
        while self._given:
            future, result, error = self._given.popleft()
            if future.done():  # whoever waited has gone
                continue
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)


class LoopResult(Generic[Given]):
    """One of them: awaited in the loop, settled by any thread."""

    __slots__ = ("_future", "_results")

    def __init__(self, results: LoopResults, future: asyncio.Future[Given]) -> None:
        self._results = results
        self._future = future

    def set_result(self, result: Given) -> None:
        """All went well."""
        self._results.give(self._future, result, None)

    def set_exception(self, exception: BaseException) -> None:
        """It did not."""
        self._results.give(self._future, None, exception)

    def __await__(self) -> Generator[Any, None, Given]:
        return self._future.__await__()
