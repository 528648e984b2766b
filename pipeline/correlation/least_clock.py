"""How far all shards have come: what is judged of everybody."""

from __future__ import annotations

from geofences.instant import BEGIN_MS


class LeastClock:
    """The least of the shards' clocks; it never falls, in whatever order they report."""

    def __init__(self) -> None:
        self._clocks_ms: dict[int, int] = {}

    def note(self, shard: int, clock_ms: int) -> None:
        """A shard has judged all that arrived before an instant."""
        self._clocks_ms[shard] = max(clock_ms, self._clocks_ms.get(shard, BEGIN_MS))

    def at_ms(self, shards: int) -> int:
        """Of so many shards; BEGIN_MS until each has reported."""
        return min(self._clocks_ms.values()) if len(self._clocks_ms) == shards else BEGIN_MS
