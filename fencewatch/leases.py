"""How long a claim holds."""

from __future__ import annotations

from pipeline.host.clock import Clock
from sinks.disposal.arguments import LEASE_MS, LEASE_MS_MAX


def lease_ms(clock: Clock) -> int:
    """How long a claim holds: half an hour of whoever made it, however fast the log's clock runs."""
    return min(round(LEASE_MS * clock.speed), LEASE_MS_MAX)
