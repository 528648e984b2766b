"""`fencewatch data rebuild`: everything that follows from the log is made anew, and nothing is another."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from live.eventful_hours import DEVICE_COUNT, START_MS, eventful_hours, write_eventful_site
from live.officers import Officers
from live_system import RUN, SERVE, LiveSystem, until
from replay.command_line import invoked
from stores.kept import removed

from pipeline.log.journal import ConsumerOffsets, JournalReader
from pipeline.runtime.live import READER
from pipeline.upkeep.store import Store
from pipeline.upkeep.stores import look
from sinks.alert import alert_line
from sinks.disposal import QueueItem
from sinks.positions import Contact, Position, PositionStore
from sinks.tracks import TrackArchive

SEED, HOURS_MS, SPEED = 11, 2_700_000, 60.0


@dataclass(frozen=True)
class Kept:
    """What the stores say of everybody, each alert with its timeline and what people did about it."""

    alerts: list[QueueItem]
    positions: list[Position]
    contacts: list[Contact]
    tracks: list[object]


def kept(system: LiveSystem) -> Kept:
    people = [f"P{n}" for n in range(DEVICE_COUNT)]
    archive = TrackArchive(system.data / Store.TRACKS, ZoneInfo("Asia/Shanghai"))
    with closing(PositionStore.open(system.data / Store.POSITIONS)) as positions:
        return Kept(
            # A revision says how far the engine had read when it told, and it reads in other pieces now.
            [replace(item, revision=0) for item in system.items()],
            positions.latest(),
            [contact for person in people for contact in positions.contacts_of(person)],
            [archive.read(person, START_MS, START_MS + 10 * HOURS_MS) for person in people],
        )


def rebuilt(system: LiveSystem) -> None:
    """The command, and an engine that has come to the end of the log again."""
    done = invoked("data", "rebuild", "--data", system.data)
    assert done.exit_code == 0, done.stderr
    assert "will be judged again from record 0" in done.stdout
    assert ConsumerOffsets(system.data / Store.LOG).of(READER) == 0
    system.start(RUN)
    ended(system)
    assert look(system.data).findings() == []


def ended(system: LiveSystem) -> None:
    """The engine, which has come to the end of the log, to which nobody writes any more."""
    with closing(JournalReader(system.data / Store.LOG)) as reader:
        end = reader.end_offset
    until(
        lambda: ConsumerOffsets(system.data / Store.LOG).of(READER) >= end, "the end of the log", every_s=0.1
    )
    system.stop(RUN)


@pytest.mark.soak
def test_all_that_follows_from_the_log_comes_again_as_it_was(tmp_path: Path) -> None:
    """First with the queue, which keeps what people did; then without: the alerts come again as open."""
    site = write_eventful_site(tmp_path / "site")
    with LiveSystem(tmp_path / "live", site, START_MS, SPEED) as system:
        officers = Officers(system)
        system.start(SERVE, RUN)
        steps = eventful_hours(SEED, HOURS_MS)
        for number, step in enumerate(steps):
            system.send(step.at_ms, step.pings, step.confirmations)
            if number % 4 == 3:
                system.await_judged(step.at_ms)
                officers.work(6)
        until(lambda: system.is_at_work(RUN), "the engine")
        while officers.work():
            pass
        system.stop(SERVE)
        ended(system)
        before = kept(system)
        worked = [item for item in before.alerts if any(entry.actor for entry in item.timeline)]
        assert len(worked) >= 3
        assert len(before.alerts) > len(worked), "some alerts nobody has touched"
        assert (len(before.positions), len(before.contacts)) == (DEVICE_COUNT, DEVICE_COUNT)
        rebuilt(system)
        assert kept(system) == before
        removed(system.data, Store.QUEUE)
        rebuilt(system)
        after = kept(system)
        assert [alert_line(item.alert) for item in after.alerts] == [
            alert_line(item.alert) for item in before.alerts
        ]
        assert {item.state for item in after.alerts} <= {"open", "self_cleared"}
        assert (after.positions, after.contacts, after.tracks) == (
            before.positions,
            before.contacts,
            before.tracks,
        )
