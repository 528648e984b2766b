"""What a thread gives to coroutines comes to each of them, once, and wakes the loop as seldom as can be."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.ingest.loop_results import LoopResult, LoopResults

MANY = 5_000


def test_each_gets_its_own_result_from_any_thread() -> None:
    async def world() -> list[int]:
        results = LoopResults(asyncio.get_running_loop())
        expected: list[LoopResult[int]] = [results.expected() for _ in range(MANY)]

        async def awaited(one: LoopResult[int]) -> int:
            return await one

        with ThreadPoolExecutor(4) as pool:
            for number, one in enumerate(expected):
                pool.submit(one.set_result, number)
            return await asyncio.gather(*map(awaited, expected))

    assert asyncio.run(asyncio.wait_for(world(), 30)) == list(range(MANY))


def test_many_at_once_wake_the_loop_once() -> None:
    async def world() -> int:
        loop = asyncio.get_running_loop()
        wakes = 0
        wake = loop.call_soon_threadsafe

        def counted(*arguments: object) -> asyncio.Handle:
            nonlocal wakes
            wakes += 1
            return wake(*arguments)  # type: ignore[arg-type]

        loop.call_soon_threadsafe = counted  # type: ignore[assignment, method-assign]
        results = LoopResults(loop)
        expected: list[LoopResult[None]] = [results.expected() for _ in range(MANY)]
        for one in expected:  # the loop cannot settle any before it is given back to it
            one.set_result(None)
        for one in expected:
            await one
        return wakes

    assert asyncio.run(asyncio.wait_for(world(), 30)) == 1


def test_a_failure_is_raised_and_who_has_gone_stands_in_nobodys_way() -> None:
    async def world() -> None:
        results = LoopResults(asyncio.get_running_loop())
        gone, failed, good = (results.expected() for _ in range(3))

        async def wait_for_it() -> None:
            await gone

        waiter = asyncio.create_task(wait_for_it())
        await asyncio.sleep(0)
        waiter.cancel()
        await asyncio.gather(waiter, return_exceptions=True)
        gone.set_result(1)
        failed.set_exception(OSError("a full disk"))
        good.set_result(3)
        with pytest.raises(OSError, match="a full disk"):
            await failed
        assert await good == 3

    asyncio.run(asyncio.wait_for(world(), 30))


def test_a_result_after_the_end_of_the_loop_is_nobodys() -> None:
    async def world() -> LoopResult[int]:
        return LoopResults(asyncio.get_running_loop()).expected()

    asyncio.run(world()).set_result(1)
