"""Records linked by hashes: whoever changes, removes, adds or swaps one breaks the chain at that place.

A record's digest is SHA-256 over its salt (16 random bytes) and its fields as JSON; its link is SHA-256 over
the link before it (32 zero bytes before the first) and its digest. The salt keeps what a digest is of from
being guessed, so that a record may one day be removed and only its digest be left.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

#: What comes before the first record.
BEGINNING = bytes(32)
_SALT_BYTES = 16
_JSON = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True, slots=True)
class Head:
    """How far a chain reaches: the number of its last record (0: none) and that record's link."""

    number: int
    link: bytes

    def __str__(self) -> str:
        return f"{self.number}:{self.link.hex()}"


EMPTY = Head(0, BEGINNING)


@dataclass(frozen=True, slots=True)
class Linked:
    """A record as it is kept: ``fields`` begin with its number."""

    number: int
    fields: Sequence[object]
    salt: bytes | None
    link: bytes | None


@dataclass(frozen=True, slots=True)
class Break:
    """The first record that is not as it was written, and why that is known."""

    number: int
    why: str


def new_salts(count: int) -> list[bytes]:
    """So many salts, none of which can be guessed."""
    drawn = secrets.token_bytes(_SALT_BYTES * count)
    return [drawn[first : first + _SALT_BYTES] for first in range(0, len(drawn), _SALT_BYTES)]


def next_link(before: bytes, salt: bytes, fields: Sequence[object]) -> bytes:
    """The link of a record whose fields JSON can hold."""
    text = _JSON.encode(fields).encode("utf-8", "surrogatepass")
    digest = hashlib.sha256(salt + text).digest()
    return hashlib.sha256(before + digest).digest()


def first_break(records: Iterable[Linked], head: Head, known: Iterable[Head] = ()) -> Break | None:
    """The first record that the chain finds wrong; None where all are as they were written.

    ``records`` come by number. ``head`` is what the store says of its end, ``known`` was noted elsewhere.
    """
    noted: dict[int, set[bytes]] = defaultdict(set)
    for recorded in (*known, head):
        noted[recorded.number].add(recorded.link)
    link, expected = BEGINNING, 1
    for record in records:
        if record.number != expected:
            return Break(min(expected, record.number), "is missing, or its number was changed")
        try:
            right = next_link(link, record.salt or b"", record.fields)
        except (TypeError, ValueError):
            return Break(expected, "holds what was never written")
        if record.link != right:
            return Break(expected, "is not as it was written")
        if noted.get(expected, {right}) != {right}:
            return Break(expected, "or one before it was written anew: another link was noted for it")
        link, expected = right, expected + 1
    last = max(noted, default=0)
    if last >= expected:
        return Break(expected, f"is missing: the chain reached to {last}")
    if head.number < expected - 1:
        return Break(head.number + 1, "was added behind the end")
    return None
