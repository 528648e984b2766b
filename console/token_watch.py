"""Streams end soon after the token that they were opened with counts no longer."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from starlette.concurrency import run_in_threadpool

from console.gate import Gate

#: Real seconds between two looks at the tokens, whatever the number of streams.
LOOK_EVERY_S = 0.4

_log = logging.getLogger(__name__)
Item = TypeVar("Item")


class TokenWatch:
    """Looks at the tokens while any stream is open, and ends those whose token is revoked or has expired.

    Everything but the reading runs in one event loop. Tokens that cannot be read end every stream: nobody is
    shown anything by a token of which nobody knows whether it counts.
    """

    def __init__(self, gate: Gate, *, every_s: float = LOOK_EVERY_S) -> None:
        self._gate = gate
        self._every_s = every_s
        self._open: dict[str, set[Callable[[], None]]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def telling(self, name: str, end: Callable[[], None]) -> Iterator[None]:
        """Calls ``end`` when the token of a name counts no longer, while the block lasts."""
        self._open[name].add(end)
        if self._task is None:
            self._task = asyncio.create_task(self._look_on())
        try:
            yield
        finally:
            self._open[name].discard(end)
            if not self._open[name]:
                del self._open[name]

    async def while_in_force(self, name: str, source: AsyncIterator[Item]) -> AsyncIterator[Item]:
        """What comes from ``source`` for as long as the token of a name counts; the source is closed then."""
        over = asyncio.Event()
        with self.telling(name, over.set):
            async for item in self._until(over, source):
                yield item

    async def _until(self, over: asyncio.Event, source: AsyncIterator[Item]) -> AsyncIterator[Item]:
        ended = asyncio.create_task(over.wait())
        coming: asyncio.Future[Item] | None = None
        try:
            while not over.is_set():
                coming = asyncio.ensure_future(anext(source))
                await asyncio.wait([coming, ended], return_when=asyncio.FIRST_COMPLETED)
                if not coming.done():
                    return
                try:
                    item = coming.result()
                except StopAsyncIteration:
                    return
                yield item
        finally:
            await _ended(ended, coming)
            if (close := getattr(source, "aclose", None)) is not None:
                await close()

    async def stop(self) -> None:
        """Look no more, because the tokens are about to be closed; open streams end."""
        self._end_all_but(frozenset())
        if self._task is not None:
            await _ended(self._task)

    async def _look_on(self) -> None:
        try:
            while self._open:
                await asyncio.sleep(self._every_s)
                try:
                    in_force = await run_in_threadpool(self._gate.in_force)
                except Exception:  # whatever a database may raise
                    _log.exception("the tokens cannot be read; streams end")
                    in_force = frozenset()
                self._end_all_but(in_force)
        finally:
            self._task = None

    def _end_all_but(self, in_force: frozenset[str]) -> None:
        for name, streams in self._open.items():
            if name not in in_force:
                for end in streams:
                    end()


async def _ended(*tasks: asyncio.Future[Any] | None) -> None:
    """Cancels what is still going on and waits for its end."""
    going = [task for task in tasks if task is not None]
    for task in going:
        task.cancel()
    await asyncio.gather(*going, return_exceptions=True)
