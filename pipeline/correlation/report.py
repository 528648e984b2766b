"""What each shard says to whoever looks at all of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GapSeen:
    """A gap of the log's clock, the office above all at that time, and the policy that held."""

    from_ms: int
    to_ms: int
    office_id: str
    policy_version: str


@dataclass(frozen=True, slots=True)
class ShardReport:
    """A shard has judged all that arrived before ``clock_ms``, which ``offset`` stands behind in the log."""

    shard: int
    clock_ms: int
    offset: int
    gap: GapSeen | None = None
