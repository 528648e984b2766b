"""Records of the log, before and after they have a place in it."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from geofences.instant import BEGIN_MS
from pipeline.ping import CONFIRMATION, PING

#: Kinds of records: the clock at an opening of the journal, the clock, rows of the two streams, and a change
#: of the site.
START, CLOCK, PINGS, CONFIRMATIONS, SITE = 1, 2, 3, 4, 5

#: No payload is longer.
PAYLOAD_BYTES_MOST = 64 << 20

#: Records that hold the time and nothing else.
MARKS = (START, CLOCK)

#: The kind of stream that a record of rows belongs to.
STREAM_OF = {PINGS: PING, CONFIRMATIONS: CONFIRMATION}

_MARK = struct.Struct("<q")


@dataclass(frozen=True, slots=True)
class Entry:
    """Something to append. ``at_ms`` is the time of a mark; rows bear theirs in the payload."""

    kind: int
    payload: bytes = b""
    at_ms: int = BEGIN_MS


@dataclass(frozen=True, slots=True)
class Record:
    """An entry in its place: ``number`` counts from the journal's first record and never changes.

    ``clock_ms`` is the highest mark up to and including this record (BEGIN_MS before any): it never
    falls, and nothing in the log from here on arrives before it.
    """

    number: int
    kind: int
    clock_ms: int
    payload: bytes


def start_mark(now_ms: int) -> Entry:
    """The journal is written from now on; the first one in a journal begins the engine's clock."""
    return Entry(START, at_ms=now_ms)


def clock_mark(now_ms: int) -> Entry:
    """The log's clock has come this far."""
    return Entry(CLOCK, at_ms=now_ms)


def mark_payload(previous_ms: int) -> bytes:
    """What a mark's record holds: the mark before it, so that each shows its gap by itself."""
    return _MARK.pack(previous_ms)


def previous_ms(mark: Record) -> int:
    """The mark before a mark; BEGIN_MS where it is the first."""
    return int(_MARK.unpack(mark.payload)[0])
