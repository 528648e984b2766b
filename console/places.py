"""How many streams may be open at once, for each token and in all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from console.errors import TooManyStreams

PER_TOKEN_MOST, IN_ALL_MOST = 100, 4000


class Places:
    """Counts who listens; everything happens in one event loop."""

    def __init__(self, per_token: int = PER_TOKEN_MOST, in_all: int = IN_ALL_MOST) -> None:
        self._per_token = per_token
        self._in_all = in_all
        self._taken: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._taken.total()

    def check(self, name: str) -> None:
        """Raises TooManyStreams where whoever bears the token of a name can have no further one."""
        if self._taken[name] >= self._per_token:
            raise TooManyStreams(f"this token has {self._per_token} streams open, and may have no more", 429)
        if len(self) >= self._in_all:
            raise TooManyStreams(f"{self._in_all} streams are open, and there may be no more", 503)

    @contextmanager
    def taken(self, name: str) -> Iterator[None]:
        """One more while the block lasts."""
        self._taken[name] += 1
        try:
            yield
        finally:
            self._taken[name] -= 1
            if not self._taken[name]:
                del self._taken[name]
