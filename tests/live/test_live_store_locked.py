"""Another program holds the queue: `run` waits and says so, and loses nothing of what came meanwhile."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from live.eventful_hours import PLACES, START_MS, write_eventful_site
from live_system import RUN, SERVE, LiveSystem, Row, until
from replay.command_line import invoked

from sinks.alert import instant_text
from sinks.operations_log import OPERATIONS, OperationsLog
from sinks.sqlite import sqlite3

MINUTE_MS = 60_000


def away(number: int) -> Row:
    at_ms = START_MS + number * MINUTE_MS
    lon, lat = PLACES["away"]
    return {"device_id": "D1", "event_time": instant_text(at_ms), "lon": lon, "lat": lat}


def told(system: LiveSystem) -> list[str]:
    events = OperationsLog(system.data / OPERATIONS).read().items
    return [event.kind for event in reversed(events) if event.kind.startswith("store_")]


@pytest.mark.soak
def test_run_waits_for_a_queue_that_is_locked(tmp_path: Path) -> None:
    site = write_eventful_site(tmp_path / "site")
    with LiveSystem(tmp_path / "live", site, START_MS, speed=60.0) as system:
        system.start(SERVE, RUN)
        until(lambda: bool(system.checkpoints()), "a checkpoint")
        other = sqlite3.connect(system.data / "queue.sqlite", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        for number in range(1, 7):
            system.send(START_MS + number * MINUTE_MS, [away(number)])
        until(lambda: told(system) == ["store_locked"], "a word about the lock")
        assert system.is_at_work(RUN), "it waits and does not end"
        other.execute("ROLLBACK")
        other.close()
        found = until(system.lines, "the alert that waited")
        assert b'"boundary_violation"' in found[0]
        until(lambda: told(system) == ["store_locked", "store_unlocked"], "a word about its end")
        system.stop(RUN, SERVE)


def test_what_the_engine_refuses_is_found_by_command(tmp_path: Path) -> None:
    """Rows of the inbox, and none of them twice after a second start; a duplicate is not lost."""
    site = write_eventful_site(tmp_path / "site")
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    rows = [away(1), away(1), {**away(2), "lat": 91.5}, {**away(3), "device_id": "D99"}]
    (inbox / "pings.ndjson").write_text("\n".join(map(json.dumps, rows)))
    with LiveSystem(tmp_path / "live", site, START_MS + 5 * MINUTE_MS, more="") as system:
        config = tmp_path / "live" / "fencewatch.toml"
        config.write_text(f'inbox = "{inbox}"\n' + config.read_text())
        for _ in range(2):
            system.start(RUN)
            until(lambda: (inbox / "done" / "pings.ndjson").exists(), "the file to be taken")
            until(lambda: len(found(system)) == 2, "its refused rows")
            until(lambda: system.is_at_work(RUN), "figures of this start")
            system.stop(RUN)
        shape = [(one["reason"], one["source"], one["place"], one["device_id"]) for one in found(system)]
        assert shape == [
            ("unknown_device", "pings.ndjson", 4, "D99"),
            ("bad_coordinates", "pings.ndjson", 3, "D1"),
        ]


def found(system: LiveSystem) -> list[dict[str, object]]:
    said = invoked("rejects", "list", "--data", system.data, "--json").stdout
    items: list[dict[str, object]] = json.loads(said)["items"]
    return items
