"""What is written in one turn of the loop leaves by one call."""

from __future__ import annotations

import asyncio
from typing import cast

from fencewatch.joined_writes import JoinedWrites


class _Wire:
    """Remembers in which pieces it was given what, and how it was let go of."""

    def __init__(self) -> None:
        self.calls: list[bytes | str] = []

    def write(self, data: bytes) -> None:
        self.calls.append(data)

    def close(self) -> None:
        self.calls.append("close")

    def abort(self) -> None:
        self.calls.append("abort")

    def is_closing(self) -> bool:
        return "close" in self.calls


async def _calls(*steps: bytes | str) -> list[bytes | str]:
    """What reaches the wire of steps: bytes are written, "turn" lets the loop go on, others are called."""
    wire = _Wire()
    joined = JoinedWrites(cast("asyncio.Transport", wire), asyncio.get_running_loop())
    for step in steps:
        if isinstance(step, bytes):
            joined.write(step)
        elif step == "turn":
            await asyncio.sleep(0)
        else:
            getattr(joined, step)()
    await asyncio.sleep(0)
    assert joined.is_closing() == wire.is_closing(), "whatever else is asked is asked of the wire"
    return wire.calls


def test_pieces_of_one_turn_are_one_write_in_their_order() -> None:
    assert asyncio.run(_calls(b"head ", b"body", b"")) == [b"head body"]


def test_the_next_turn_writes_by_itself() -> None:
    assert asyncio.run(_calls(b"one", "turn", b"two")) == [b"one", b"two"]


def test_much_does_not_wait_so_that_a_writer_learns_that_nobody_reads() -> None:
    much = b"x" * 20_000
    assert asyncio.run(_calls(b"head ", much, b"rest")) == [b"head " + much, b"rest"]


def test_closing_sends_what_waits_and_hanging_up_does_not() -> None:
    assert asyncio.run(_calls(b"answer", "close")) == [b"answer", "close"]
    assert asyncio.run(_calls(b"answer", "abort")) == ["abort"]
