"""What moves through the dataflow: batches of rows with the clock they stand for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.division import Division
from pipeline.merge import RawBatch
from pipeline.ping import PingBatch


@dataclass(frozen=True, slots=True)
class LogEnd:
    """The log is at its end; the clock runs on to ``until_ms`` (None: the last accepted arrival)."""

    until_ms: int | None


#: What a source gives.
LogItem = RawBatch | LogEnd


@dataclass(frozen=True, slots=True, eq=False)
class Accepted:
    """Accepted rows in merged order, the start of the clock, and how far the log is read.

    ``past_ms``: no later row arrives before it; None where only the rows tell.
    """

    rows: PingBatch | None
    start_ms: int
    past_ms: int | None


@dataclass(frozen=True, slots=True, eq=False)
class ShardItem:
    """What one shard gets of an ``Accepted``."""

    shard: int
    accepted: Accepted


class Router:
    """Sends each device's rows to the shards of the people it is ever bound to: nearly always one."""

    def __init__(self, division: Division) -> None:
        self.shards = division.shards
        self._member = np.zeros((division.shards, len(division.device_ids)), np.bool_)
        for shard, rows in enumerate(division.bindings):
            self._member[shard, [division.device_number[row.device_id] for row in rows]] = True

    def route(self, accepted: Accepted) -> list[ShardItem]:
        """The item of each shard: those with rows, or all where the clock is told."""
        items = []
        for shard, rows in enumerate(self._split(accepted.rows)):
            if rows is not None or accepted.past_ms is not None:
                items.append(ShardItem(shard, Accepted(rows, accepted.start_ms, accepted.past_ms)))
        return items

    def _split(self, rows: PingBatch | None) -> list[PingBatch | None]:
        if rows is None:
            return [None] * self.shards
        places: list[NDArray[np.intp]] = [np.flatnonzero(member[rows.device]) for member in self._member]
        return [rows.take(mine) if len(mine) else None for mine in places]
