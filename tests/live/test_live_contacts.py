"""From rows over HTTP to the person's card: last contact and battery, through a kill and a rebuilding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from live_system import RUN, SERVE, LiveSystem, Refused, Row, Unanswered, settled, until
from minimal_site import write_site
from replay.command_line import invoked

from geofences.instant import instant_ms
from sinks.alert import instant_text

START_MS = instant_ms("2025-07-14T14:00:00+08:00")


def at(seconds: int) -> int:
    return START_MS + seconds * 1000


def row(device: str, seconds: int, **said: Any) -> Row:
    return {"device_id": device, "event_time": instant_text(at(seconds)), "lon": None, "lat": None, **said}


@pytest.mark.soak
def test_a_phone_that_is_silent_since_and_had_three_percent(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    with LiveSystem(tmp_path / "live", write_site(tmp_path / "site"), START_MS) as system:
        system.start(SERVE, RUN)
        officer = system.token("--role", "officer", "--office", "O1")

        def contact(person: str) -> Any:
            """As the card has it."""
            try:
                (device,) = system.ask(f"/v1/people/{person}/card", officer)["devices"]
            except (Unanswered, Refused) as error:
                return str(error)
            return device["contact"]

        system.send(at(0), [row("D1", 0, lon=106.5, lat=29.5, battery_pct=40, charging=True)])
        system.send(at(120), [row("D1", 119, battery_pct=3, charging=False)])
        system.send(at(130), [row("D1", 60, battery_pct=80, charging=True)])  # sent late
        system.send(at(140), confirmations=[{"device_id": "D1", "event_time": instant_text(at(140))}])
        expected = {
            "arrival_time": instant_text(at(140)),
            "event_time": instant_text(at(140)),
            "battery_pct": 3.0,
            "charging": False,
            "battery_time": instant_text(at(119)),
        }
        assert settled(lambda: contact("P1"), expected) == expected
        assert contact("P2") is None, "a device that was never heard"

        kept = system.checkpoints()
        system.kill(RUN)  # what it judges again changes nothing
        system.start(RUN)
        until(lambda: system.checkpoints() != kept, "the engine to go on")
        assert contact("P1") == expected

        system.stop(SERVE, RUN)
        for file in system.data.glob("positions.sqlite*"):
            file.unlink()
        invoked("data", "rebuild", "--data", system.data)
        system.start(SERVE, RUN)
        assert settled(lambda: contact("P1"), expected) == expected, "the log has it all"
        system.stop(SERVE, RUN)
