"""The machine's clock: the only place that asks it what time it is."""

from __future__ import annotations

import time


def system_now_ms() -> int:
    """Milliseconds since 1970 UTC by the machine's clock, cut towards the past; it may be set back."""
    return time.time_ns() // 1_000_000
