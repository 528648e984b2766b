"""Twelve hours under fire: engine and server are killed 120 times, and nothing acknowledged is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from live.eventful_hours import START_MS, eventful_hours, write_eventful_site
from live.killed_stream import SPEED, VICTIMS, Killer, lived, replayed
from live_system import LiveSystem

SEED, HOURS_MS, TIMES = 118, 12 * 3_600_000, 6


@pytest.mark.soak
def test_a_hundred_and_twenty_kills(tmp_path: Path) -> None:
    """Rows and alerts are those of ``replay`` over the same stream, and what people did stands."""
    steps, site = eventful_hours(SEED, HOURS_MS), write_eventful_site(tmp_path / "site")
    expected = replayed(tmp_path, site, steps)
    assert expected.accepted > 5_000
    assert len(expected.lines) > 300
    with LiveSystem(tmp_path / "killed", site, START_MS, SPEED) as system:
        killer = Killer(system, SEED, VICTIMS * TIMES)
        assert killer.kills == len(VICTIMS) * TIMES == 120
        lived(system, steps, expected, killer)
