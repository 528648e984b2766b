"""What moves through the dataflow: batches of rows with the clock they stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.log.decoded import Logged
from pipeline.log.marks import ClockGap
from pipeline.ping import PingBatch
from pipeline.reading.raw_batch import RawBatch
from pipeline.sites.records import Binding
from pipeline.stream.batteries import Batteries
from pipeline.stream.division import Division, shard_of_person
from sinks.alert import Alert


@dataclass(frozen=True, slots=True)
class LogEnd:
    """The log is at its end; the clock runs on to ``until_ms`` (None: the last accepted arrival)."""

    until_ms: int | None


@dataclass(frozen=True, slots=True)
class EpochStart:
    """The first item of an epoch that has any. It reaches every step that keeps state, and changes nothing.

    ``shard``: the one it goes to; -1 before that. ``keeps``: states are kept at the end of the epoch; not
    where those before are still being written, for which the stream would wait.

    The runtime asks for the state of what got something in an epoch, and of nothing else; where states are
    written behind (``CheckpointStore.write_behind``), all have to be kept in the same epochs.
    """

    shard: int = -1
    keeps: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class RecordedChange:
    """A change of the site as it was recorded: asked for at an ``arrival_ms``, and how a fault names it."""

    arrival_ms: int
    operations: list[Any]
    place: str

    @property
    def device_ids(self) -> list[str]:
        """Devices that it may put in, as far as it is one."""
        rows = [part.get("row") for part in self.operations if part.get("table") == "devices"]
        ids = [row.get("device_id") for row in rows if isinstance(row, dict)]
        return [device_id for device_id in ids if isinstance(device_id, str)]


#: What a source gives: recorded rows, changes and their end, or what a journal holds.
LogItem = RawBatch | RecordedChange | LogEnd | Logged | EpochStart


class MovedSite(Protocol):
    """Another site in force from an instant of the log's clock on."""

    @property
    def compiled(self) -> Any: ...

    @property
    def at_ms(self) -> int: ...


@dataclass(frozen=True, slots=True, eq=False)
class Accepted:
    """Accepted rows in merged order, the start of the clock, and how far the log is read.

    ``past_ms``: no later row arrives before it; None where only the rows say so. ``clock_gap``: a gap of
    the clock right before that. ``offset``: the place in the journal behind all this (0 without one).
    ``batteries``: what these rows say of batteries; None where nobody asks for it. ``moved``: another site,
    in force from ``past_ms`` on.
    """

    rows: PingBatch | None
    start_ms: int
    past_ms: int | None
    clock_gap: ClockGap | None = None
    offset: int = 0
    batteries: Batteries | None = None
    moved: MovedSite | None = None

    @property
    def clock_ms(self) -> int:
        """Where the log's clock stands after this."""
        if self.past_ms is not None or self.rows is None:
            return self.past_ms or self.start_ms
        return int(self.rows.arrival_ms[-1])


@dataclass(frozen=True, slots=True)
class AlertUpdate:
    """An alert as it is after a change, with the offset of the log and the clock at which it changed."""

    alert: Alert
    offset: int
    clock_ms: int


@dataclass(frozen=True, slots=True, eq=False)
class ShardItem:
    """What one shard gets of an ``Accepted``."""

    shard: int
    accepted: Accepted


class Router:
    """Sends each device's rows to the shards of the people it is ever bound to: nearly always one."""

    def __init__(self, division: Division | None = None) -> None:
        """Without a ``division`` nothing can be sent before ``move``."""
        if division is not None:
            self.move(division)

    def move(self, division: Division) -> None:
        """Send by another site's division from now on."""
        self.shards = division.shards
        self._member = np.zeros((division.shards, len(division.device_ids)), np.bool_)
        for shard, devices in enumerate(division.devices):
            self._member[shard, devices] = True

    def also(self, division: Division, devices: Mapping[str, Sequence[Binding]]) -> None:
        """Devices that go to further people by now; what they sent before goes where it went."""
        more = len(division.device_ids) - self._member.shape[1]
        if more > 0:
            room = np.zeros((self.shards, more + len(division.device_ids) // 8), np.bool_)
            self._member = np.concatenate([self._member, room], axis=1)
        for name, bindings in devices.items():
            for binding in bindings:
                shard = shard_of_person(binding.person_id, self.shards)
                self._member[shard, division.device_number[name]] = True

    def reached(self, accepted: Accepted) -> list[int]:
        """The shards that ``route`` has an item for."""
        rows = accepted.rows
        if accepted.past_ms is not None:
            return list(range(self.shards))
        return [] if rows is None else [s for s, mine in enumerate(self._member) if mine[rows.device].any()]

    def route(self, accepted: Accepted) -> list[ShardItem]:
        """The item of each shard: those with rows, or all where the clock goes on."""
        items = []
        for shard, rows in enumerate(self._split(accepted.rows)):
            if rows is not None or accepted.past_ms is not None:
                items.append(ShardItem(shard, replace(accepted, rows=rows, batteries=None)))
        return items

    def _split(self, rows: PingBatch | None) -> list[PingBatch | None]:
        if rows is None:
            return [None] * self.shards
        places: list[NDArray[np.intp]] = [np.flatnonzero(member[rows.device]) for member in self._member]
        return [rows.select(mine) if len(mine) else None for mine in places]
