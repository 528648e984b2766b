"""The fixes of a shard over the backfill horizon, in order of arrival, linked by binding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geofences.instant import BEGIN_MS
from pipeline.engine.boundary.fix import Fix
from pipeline.engine.growing_columns import Columns
from pipeline.engine.moved_columns import NewNumbers
from pipeline.engine.policy_table import UNKNOWN_SOURCE, PolicyTable
from pipeline.engine.record_columns import AHEAD, record_column, records
from pipeline.ping import CONFIRMATION, PingBatch

Ints = NDArray[np.int64]

_NONE = -1
#: How many rows the log has before it first forgets some.
_FORGET_FROM = 1 << 20
#: It forgets where that leaves less than so much of it, and looks again when it has grown so many times.
_FORGOTTEN_AT, _LOOKED_AGAIN_AT = 0.75, 1.25


#: What is known of a binding: its last row, and its newest fix (``newest_row``; ``tied``: several are).
_NEWEST = [("last", np.int64), ("newest_ms", np.int64), ("newest_row", np.int64), ("tied", np.bool_)]
_BLANK = np.array([(_NONE, BEGIN_MS, _NONE, False)], np.dtype(_NEWEST, align=True))


class FixLog:
    """What a late or backfilled fix may still be judged with.

    ``top`` is the newest live event time of the binding up to and with a row: it never rises on the
    way back along ``before``, so a walk knows when nothing of interest can follow. ``newest_row`` is
    the row of each binding's newest fix (-1: none), ``tied`` where several share that event time.
    """

    #: What a checkpoint holds of it, beside what grows.
    KEPT = ("last", "newest_ms", "newest_row", "tied", "_forget_from")

    last, newest_ms, newest_row, tied = map(record_column, ("last", "newest_ms", "newest_row", "tied"))
    _blank = _BLANK

    def __init__(self, bindings: int) -> None:
        self._records = records(bindings, _BLANK)
        self._rows = Columns(
            {
                "binding": np.int32, "event_ms": np.int64, "arrival_ms": np.int64, "lon": np.float64,
                "lat": np.float64, "accuracy_m": np.float64, "radius_m": np.float64, "kind": np.int8,
                "backfill": np.bool_, "before": np.int64, "top": np.int64, "extra": np.int64,
                "source": np.int8,
            }
        )  # fmt: skip
        # What only few fixes have: values given in another CRS, and a confirmation's further columns.
        self._extra = Columns(
            {
                "given_lon": np.float64, "given_lat": np.float64, "given_arrival_ms": np.int64,
                "face_ok": np.bool_, "challenge": np.object_,
            }
        )  # fmt: skip
        self._forget_from = _FORGET_FROM

    def growing(self) -> dict[str, Columns]:
        """What a checkpoint need not write again."""
        return {"fixes": self._rows, "extras": self._extra}

    def grown(self, growing: Mapping[str, Columns]) -> None:
        """Take back what ``growing`` gave, also in a version that kept no sources."""
        self._rows, self._extra = growing["fixes"], growing["extras"]
        rows = self._rows.rows_from(0)
        if "source" not in rows:
            self._rows = Columns.of({**rows, "source": np.full(len(self._rows), UNKNOWN_SOURCE, np.int8)})

    def __len__(self) -> int:
        return len(self._rows)

    def append(
        self,
        batch: PingBatch,
        binding: Ints,
        radius_m: NDArray[np.float64],
        source: NDArray[np.int8],
        backfill: NDArray[np.bool_],
    ) -> None:
        """Add fixes in order of arrival; all columns of shape (n,). ``source`` is what each counts as."""
        before, top = np.empty(len(batch), np.int64), np.empty(len(batch), np.int64)
        _link(self._records, binding, batch.event_ms, len(self._rows), before, top)
        self._rows.append(
            {
                "binding": binding, "event_ms": batch.event_ms, "arrival_ms": batch.arrival_ms,
                "lon": batch.lon, "lat": batch.lat, "accuracy_m": batch.accuracy_m,
                "radius_m": radius_m, "kind": batch.kind, "backfill": backfill, "before": before,
                "top": top, "extra": self._append_extra(batch), "source": source,
            }
        )  # fmt: skip

    def _append_extra(self, batch: PingBatch) -> Ints:
        moved = (batch.given_lon != batch.lon) | (batch.given_lat != batch.lat)
        rich = np.flatnonzero(moved | (batch.kind == CONFIRMATION))
        extra = np.full(len(batch), _NONE, np.int64)
        extra[rich] = len(self._extra) + np.arange(len(rich))
        part = batch.select(rich)
        self._extra.append(
            {
                "given_lon": part.given_lon, "given_lat": part.given_lat,
                "given_arrival_ms": part.given_arrival_ms, "face_ok": part.face_ok,
                "challenge": part.challenge,
            }
        )  # fmt: skip
        return extra

    def move(self, numbers: NewNumbers, bindings: int) -> None:
        """Take over the fixes of other bindings, of which there are so many now."""
        self._records = numbers.moved(self._records, bindings, lambda new: records(len(new), _BLANK))
        if numbers.is_same:
            return
        kept = numbers.to[self._rows["binding"]] >= 0
        if not kept.all():
            self._keep(kept)
        if numbers.unused is not None:  # the others keep their numbers
            return
        self._rows.put("binding", numbers.to[self._rows["binding"]])

    def columns(self, rows: Ints, *names: str) -> list[NDArray[Any]]:
        """Some columns at some rows."""
        return [self._rows[name][rows] for name in names]

    def window(self, binding: int, from_ms: int, upto_row: int) -> list[Fix]:
        """Live fixes of a binding from an event time on, and the newest before it; in judged order.

        Only rows before ``upto_row`` count: those of the batch at hand are handed on one by one.
        """
        rows = self._walk(binding, from_ms, upto_row)
        is_backfill = self._rows["backfill"]
        live = sorted(self.fixes([row for row in rows if not is_backfill[row]]), key=lambda fix: fix.key)
        older = [fix for fix in live if fix.event_ms < from_ms]
        return [*older[-1:], *live[len(older) :]]

    def since(self, binding: int, from_ms: int, upto_row: int) -> list[Fix]:
        """All fixes of a binding from an event time on, live and backfill, in judged order."""
        fixes = self.fixes(self._walk(binding, from_ms, upto_row))
        return sorted((fix for fix in fixes if fix.event_ms >= from_ms), key=lambda fix: fix.key)

    def backfill_of(self, binding: int, from_ms: int, upto_row: int) -> list[Fix]:
        """Backfill fixes of a binding from an event time on, before ``upto_row``, in judged order."""
        rows = [row for row in self._walk(binding, from_ms, upto_row) if self._rows["backfill"][row]]
        fixes = self.fixes([row for row in rows if self._rows["event_ms"][row] >= from_ms])
        return sorted(fixes, key=lambda fix: fix.key)

    def rows_at(self, binding: Ints, event_ms: Ints) -> Ints:
        """The rows of live fixes by binding and event time, of which there is one each; shape (n,)."""
        found: Ints = _rows_at(
            self._rows["before"],
            self._rows["event_ms"],
            self._rows["backfill"],
            self._records,
            binding,
            event_ms,
        )
        return found

    def fixes(self, rows: Sequence[int]) -> list[Fix]:
        """Some rows as binding trackers want them."""
        names = ("event_ms", "arrival_ms", "lon", "lat", "accuracy_m", "radius_m", "kind", "source", "extra")
        columns = (column.tolist() for column in self.columns(np.array(rows, np.int64), *names))
        return [self._fix(*cells) for cells in zip(*columns, strict=True)]

    def _fix(
        self, event_ms: int, arrival_ms: int, lon: float, lat: float, accuracy_m: float, radius_m: float,
        kind: int, source: int, extra: int,
    ) -> Fix:  # fmt: skip
        is_known, is_confirmed = accuracy_m == accuracy_m, kind == CONFIRMATION
        further = (lon, lat, BEGIN_MS, -1.0, False, b"")
        if extra != _NONE:
            more = self._extra
            given = float(more["given_lon"][extra]), float(more["given_lat"][extra])
            challenge = more["challenge"][extra]
            named = b"" if challenge is None else b"\0" + challenge.encode("utf-8", "surrogatepass")
            further = (
                *given, int(more["given_arrival_ms"][extra]), accuracy_m if is_known else -1.0,
                bool(more["face_ok"][extra]), named,
            )  # fmt: skip
        return Fix(
            key=(event_ms, int(is_confirmed), *further),
            event_ms=event_ms,
            arrival_ms=arrival_ms,
            lon=lon,
            lat=lat,
            accuracy_m=accuracy_m if is_known else None,
            radius_m=radius_m,
            confirmed=is_confirmed,
            source=source,
        )

    def radii_m(self, rows: Ints, table: PolicyTable, at_ms: Ints) -> NDArray[np.float64]:
        """The radii of uncertainty of the fixes of some rows, judged at instants."""
        known_m, accuracy_m, source = self.columns(rows, "radius_m", "accuracy_m", "source")
        return np.where(source == UNKNOWN_SOURCE, known_m, table.radius_m(accuracy_m, source, at_ms))

    def judge_radii_again(self, from_ms: int, table: PolicyTable) -> None:
        """Work out the radii of fixes from an event time on by other policies."""
        ahead = np.flatnonzero(self.newest_ms >= from_ms).tolist()  # few: not all rows need be looked at
        walked = [row for binding in ahead for row in self._walk(binding, from_ms, len(self))]
        rows = np.array(walked, np.int64)
        rows = rows[self._rows["event_ms"][rows] >= from_ms]
        if not len(rows):
            return
        radius_m = self.radii_m(rows, table, self._rows["event_ms"][rows])
        if not np.array_equal(radius_m, self._rows["radius_m"][rows]):
            radii_m = self._rows["radius_m"].copy()
            radii_m[rows] = radius_m
            self._rows.put("radius_m", radii_m)

    def forget(self, horizon_ms: int, lateness_ms: int) -> None:
        """Drop what is older than the horizon and than each binding's own lateness window."""
        if len(self._rows) < self._forget_from:
            return
        event_ms, binding = self._rows["event_ms"], self._rows["binding"]
        kept = event_ms >= horizon_ms
        older = np.flatnonzero(~kept)
        kept[older] = event_ms[older] >= self.newest_ms[binding[older]] - lateness_ms
        # All rows left get other numbers, and are written anew: for few it is not worth it.
        if np.count_nonzero(kept) < _FORGOTTEN_AT * len(kept):
            self._keep(kept)
        self._forget_from = max(_FORGET_FROM, round(_LOOKED_AGAIN_AT * len(self._rows)))

    def _keep(self, kept: NDArray[np.bool_]) -> None:
        """Drop all other rows, and link those that are left."""
        number = np.cumsum(kept) - 1
        before = self._rows["before"].copy()
        _relink(before, self._rows["before"], kept)
        self._rows.put("before", np.where(before >= 0, number[before], _NONE))
        last = self.last.copy()
        while (gone := (last >= 0) & ~kept[last]).any():
            last[gone] = before[last[gone]]
        self.last = np.where(last >= 0, number[last], _NONE)
        self.newest_row = np.where(self.newest_row >= 0, number[self.newest_row], _NONE)
        self._rows.keep(kept)
        self._forget_extra()

    def _forget_extra(self) -> None:
        """Drop what belongs to rows forgotten, and point the others to where theirs is now."""
        extra = self._rows["extra"]
        kept = np.zeros(len(self._extra), np.bool_)
        kept[extra[extra != _NONE]] = True
        number = np.cumsum(kept) - 1
        extra[extra != _NONE] = number[extra[extra != _NONE]]
        self._extra.keep(kept)

    def _walk(self, binding: int, from_ms: int, upto_row: int) -> list[int]:
        rows: list[int] = _walk(
            self._rows["before"], self._rows["event_ms"], self._rows["top"], self._rows["backfill"],
            self.last[binding], from_ms, upto_row,
        ).tolist()  # fmt: skip
        return rows


@njit(cache=True, nogil=True)
def _link(newest, binding, event_ms, row, before, top):  # type: ignore[no-untyped-def]  # numba infers the arrays
    read = 0
    for begin in range(0, len(binding), AHEAD):
        end = min(begin + AHEAD, len(binding))
        for fix in range(begin, end):
            read += newest[binding[fix]].last
        for fix in range(begin, end):
            known = newest[binding[fix]]
            before[fix], known.last = known.last, row + fix
            if event_ms[fix] > known.newest_ms:
                known.newest_ms, known.newest_row, known.tied = event_ms[fix], row + fix, False
            elif event_ms[fix] == known.newest_ms:
                known.tied = True
            top[fix] = known.newest_ms
    return read


@njit(cache=True, nogil=True)
def _rows_at(before, known_ms, backfill, newest, binding, event_ms):  # type: ignore[no-untyped-def]
    found = np.full(len(binding), _NONE, np.int64)
    for fix in range(len(binding)):
        row = newest[binding[fix]].last
        while row >= 0 and (known_ms[row] != event_ms[fix] or backfill[row]):
            row = before[row]
        found[fix] = row
    return found


@njit(cache=True, nogil=True)
def _relink(before, linked, kept):  # type: ignore[no-untyped-def]
    """Point each row past the forgotten ones; rows come in order, so one step back is enough."""
    for row in range(len(before)):
        older = linked[row]
        if older >= 0 and not kept[older]:
            before[row] = before[older]


@njit(cache=True, nogil=True)
def _walk(before, event_ms, top, backfill, row, from_ms, upto_row):  # type: ignore[no-untyped-def]
    """Rows back along the links: all from an event time on, and the newest live ones before it."""
    found = np.empty(16, np.int64)
    count = 0
    newest_older = BEGIN_MS
    while row >= 0:
        if row < upto_row:
            if top[row] < min(from_ms, newest_older):
                break
            live_older = event_ms[row] < from_ms and not backfill[row] and event_ms[row] >= newest_older
            if live_older:
                newest_older = event_ms[row]
            if live_older or event_ms[row] >= from_ms:
                if count == len(found):
                    found = np.concatenate((found, np.empty(count, np.int64)))
                found[count] = row
                count += 1
        row = before[row]
    return found[:count]
