"""What a protocol of devices is: frames in, rows out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

#: Row of our columns, None where the message says nothing.
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """One row, and whether the device itself says that it has no fix of its own."""

    row: Row
    is_fixed: bool = True


@dataclass(frozen=True, slots=True)
class Frame:
    """What was sent at once, however it came: named parameters, bytes of a type, or both.

    ``own`` is the device that sends, where the way it came tells.
    """

    parameters: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    content_type: str = ""
    own: str | None = None


@dataclass(frozen=True, slots=True)
class Protocol:
    """One protocol, under the name by which rejects and addresses know it.

    ``decode`` gives None for a frame that is none of a position; it raises UnreadableMessage.
    ``parameters`` are those that it reads, with what they are. Senders that make nothing of an answer get
    an empty list (``hears``: false).
    """

    name: str
    summary: str
    methods: tuple[str, ...]
    decode: Callable[[Frame], Message | None]
    parameters: Mapping[str, str] = field(default_factory=dict)
    hears: bool = True
