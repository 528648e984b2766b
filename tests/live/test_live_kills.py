"""Engine and server killed at any moment of a stream: alerts and people's work are as if nobody had been."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from live.eventful_hours import START_MS, eventful_hours, write_eventful_site
from live.killed_stream import SPEED, VICTIMS, Killer, lived, replayed
from live.officers import Life, standing
from live_system import LiveSystem

from pipeline.rules.catalogue import MISSED_CONFIRMATION
from sinks.disposal import QueueItem

#: A stream takes a minute; ``FENCEWATCH_LIVE_SEEDS=20`` in the environment makes it so many.
SEEDS = range(1, 1 + int(os.environ.get("FENCEWATCH_LIVE_SEEDS", "1")))


@pytest.mark.soak  # in every run tests/live/test_living_worlds.py kills both processes
@pytest.mark.parametrize("seed", SEEDS)
def test_kills_in_one_stream(seed: int, tmp_path: Path) -> None:
    """Alerts are those of ``replay`` and of an undisturbed run, and what people did stands."""
    steps, site = eventful_hours(seed), write_eventful_site(tmp_path / "site")
    expected = replayed(tmp_path, site, steps)
    with LiveSystem(tmp_path / "peace", site, START_MS, SPEED) as peace:
        lived(peace, steps, expected, None)
        undisturbed = peace.items()
    with LiveSystem(tmp_path / "killed", site, START_MS, SPEED) as killed:
        lived(killed, steps, expected, Killer(killed, seed, VICTIMS))
        disturbed = killed.items()
    check_that_all_occurs(undisturbed)
    assert people_of(disturbed) == people_of(undisturbed), f"seed {seed}"


def check_that_all_occurs(items: list[QueueItem]) -> None:
    """The stream is worth the trouble."""
    told = Counter(entry.kind for item in items for entry in item.timeline)
    assert {item.alert.kind for item in items} >= {"boundary_violation", "zone_entry", "silent_device"}
    assert any(item.alert.kind == MISSED_CONFIRMATION.kind and item.alert.cleared_ms for item in items)
    assert any(item.alert.retrospective for item in items)
    wanted = {"raised", "level_changed", "cleared", "withdrawn", "claimed", "verified", "disposed", "closed"}
    assert {kind for kind, times in told.items() if times >= 5} >= wanted


def people_of(items: list[QueueItem]) -> dict[str, object]:
    """What people made of each alert, but for those that may have been cleared for a while: these are
    taken up if somebody happened to look just then."""
    return {
        item.alert.alert_key: (item.state, *standing(item))
        for item in items
        if item.alert.cleared_ms or not Life(item.alert.alert_key, item.alert.office_id).waits
    }
