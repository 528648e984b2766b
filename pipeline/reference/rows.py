"""Recorded files into accepted rows and rejects, merged and checked one row at a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from geofences.instant import BEGIN_MS
from pipeline.ping import CONFIRMATION, PING
from pipeline.reference.formats import raw_rows
from pipeline.reference.parsing import BAD_TIME, MALFORMED, UNKNOWN_DEVICE, Parsed, parse
from pipeline.reference.row import ReferenceRow
from pipeline.sites.policies import Policies
from pipeline.sites.records import Site

#: (file as named, row counted from 1, reason)
Reject = tuple[str, int, str]

AHEAD_MS = 300_000

#: Reasons that hold before a row's times are compared with the clock.
_BEFORE_THE_CLOCK = (MALFORMED, UNKNOWN_DEVICE, BAD_TIME)


@dataclass(frozen=True, slots=True)
class _Placed:
    """A parsed row with its place in the merge: (arrival so far in its file, kind, file, row)."""

    place: tuple[int, int, int, int]
    file: str
    parsed: Parsed


def read_rows(
    site: Site, pings: Iterable[Path], confirmations: Iterable[Path] = ()
) -> tuple[list[ReferenceRow], list[Reject]]:
    """Accepted rows in merged order with effective arrivals, and rejects in the same order."""
    device_ids = frozenset(binding.device_id for binding in site.bindings)
    placed: list[_Placed] = []
    for kind, paths in ((PING, pings), (CONFIRMATION, confirmations)):
        for file, path in enumerate(paths):
            placed += _place(path, kind, file, device_ids)
    placed.sort(key=lambda row: row.place)
    gate = _Gate(site.policies)
    rejects: list[Reject] = []
    for row in placed:
        reason = gate.admit(row.place[1], row.parsed)
        if reason is not None:
            rejects.append((row.file, row.place[3], reason))
    return gate.accepted, rejects


def _place(path: Path, kind: int, file: int, device_ids: frozenset[str]) -> list[_Placed]:
    """A file's rows stay in order: one that steps back, or cannot be used, follows its predecessor."""
    placed: list[_Placed] = []
    so_far_ms = BEGIN_MS
    for number, raw in enumerate(raw_rows(path), start=1):
        parsed = parse(raw, kind, device_ids)
        if not parsed.faults and parsed.event_ms is not None:
            given_ms = parsed.given_arrival_ms
            so_far_ms = max(so_far_ms, parsed.event_ms if given_ms is None else given_ms)
        placed.append(_Placed((so_far_ms, kind, file, number), str(path), parsed))
    return placed


class _Gate:
    """What depends on the rows before: the running maximum of arrivals, duplicates, age."""

    def __init__(self, policies: Policies) -> None:
        self._policies = policies
        self._clock_ms = BEGIN_MS
        self._seen: set[tuple[object, ...]] = set()
        self.accepted: list[ReferenceRow] = []

    def admit(self, kind: int, parsed: Parsed) -> str | None:
        """Accept a row, or say why not: the first reason that holds."""
        if parsed.faults and parsed.faults[0] in _BEFORE_THE_CLOCK:
            return parsed.faults[0]
        assert parsed.event_ms is not None, "a row without a time is a bad_time"
        given_ms = parsed.event_ms if parsed.given_arrival_ms is None else parsed.given_arrival_ms
        arrival_ms = max(given_ms, self._clock_ms)
        if parsed.event_ms > arrival_ms + AHEAD_MS:
            return BAD_TIME
        if parsed.faults:
            return parsed.faults[0]
        # Nothing is remembered beyond the horizon, so a row older than it is late, not a duplicate.
        if parsed.event_ms < arrival_ms - self._policies.at(arrival_ms).backfill_horizon_ms:
            return "too_late"
        row = _row(kind, parsed, parsed.event_ms, arrival_ms)
        name: tuple[object, ...] = (kind, row.device_id, row.event_ms, parsed.given)
        if kind == CONFIRMATION:
            name = (*name, row.face_ok, row.challenge_id)
        if name in self._seen:
            return "duplicate"
        self._seen.add(name)
        self._clock_ms = arrival_ms
        self.accepted.append(row)
        return None


def _row(kind: int, parsed: Parsed, event_ms: int, arrival_ms: int) -> ReferenceRow:
    lon, lat = parsed.position if parsed.position is not None else (None, None)
    given_lon, given_lat = parsed.given if parsed.given is not None else (None, None)
    return ReferenceRow(
        kind=kind,
        device_id=parsed.device_id,
        event_ms=event_ms,
        arrival_ms=arrival_ms,
        given_arrival_ms=BEGIN_MS if parsed.given_arrival_ms is None else parsed.given_arrival_ms,
        lon=lon,
        lat=lat,
        given_lon=given_lon,
        given_lat=given_lat,
        accuracy_m=parsed.accuracy_m,
        source=parsed.source,
        face_ok=parsed.face_ok,
        challenge_id=parsed.challenge_id,
        others=parsed.others,
    )
