"""Rows and changes of the site that crowd in a few milliseconds are judged alike by log and by files."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest
from live.eventful_hours import PLACES, write_eventful_site
from replay.command_line import invoked
from seeds import seeds
from site_operations import NOW_MS, Op, end, put

from pipeline.ingest import JournalWriter
from pipeline.ingest.bodies import received
from pipeline.ingest.change_desk import ChangeDesk
from pipeline.log.arrivals import row_arrivals
from pipeline.log.journal import Journal, JournalReader
from pipeline.log.record import CONFIRMATIONS, SITE
from pipeline.ping import CONFIRMATION
from pipeline.reading import DeviceIds
from pipeline.registry.registry import Registry
from pipeline.sites.change_faults import ChangeRefused
from pipeline.sites.load import load_documents, load_site
from sinks.alert import instant_text

HOUR_MS = 3_600_000
DEVICES = 3


class Crowd:
    """A log on a clock that hardly moves, with rows and changes by turns."""

    def __init__(self, home: Path, seed: int, ahead_ms: int, handed_over: bool) -> None:
        """Devices' clocks are ahead of ours by so much at most; devices may go to other people."""
        self.random = Random(seed)
        self._ahead_ms = ahead_ms
        self._kinds = (0, 1, 2, 3) if handed_over else (0, 2, 3)
        self.clock_ms = NOW_MS
        self.rows: list[dict[str, Any]] = []
        self._home = home
        site = write_eventful_site(home / "site")
        self._ids = DeviceIds(sorted({binding.device_id for binding in load_site(site).bindings}))
        self.registry = Registry.open(home / "registry.sqlite")
        self.registry.begin(load_documents(site), record=0, at_ms=NOW_MS, source="site")

    def live(self) -> None:
        with Journal(self._home / "journal") as journal:
            writer = JournalWriter(journal, lambda: self.clock_ms, horizon_ms=lambda _: 10**12)
            desk = ChangeDesk(writer, self.registry)
            writer.start()
            try:
                for _ in range(150):
                    self.clock_ms += self.random.choice((0, 0, 0, 1))
                    if self.random.random() < 0.6:
                        self._send(writer)
                    else:
                        self._change(desk)
            finally:
                writer.stop()

    def _send(self, writer: JournalWriter) -> None:
        lon, lat = PLACES[self.random.choice(("home", "away"))]
        at_ms = self.clock_ms + self.random.randint(-4, self._ahead_ms)
        row = {
            "device_id": f"D{self.random.randrange(DEVICES)}", "event_time": instant_text(at_ms), "lon": lon,
            "lat": lat, "face_ok": True, "challenge_id": str(len(self.rows)),
        }  # fmt: skip
        taken = received(json.dumps(row).encode(), CONFIRMATION, self._ids, own=None, is_ndjson=True)
        writer.submit(taken, "http").result()
        self.rows.append(row)

    def _change(self, desk: ChangeDesk) -> None:
        try:
            desk.submit([self._operation()], by="li", reason="why")
        except ChangeRefused:  # nothing there to end, or into what is to come
            return

    def _operation(self) -> Op:
        number = self.random.randrange(DEVICES)
        lon, lat = PLACES["away"]
        match self.random.choice(self._kinds):
            case 0:
                return end("leaves", leave_id=f"L{number}")
            case 1:
                return put("devices", device_id=f"D{number}", person_id=f"P{self.random.randrange(DEVICES)}",
                           kind="phone")  # fmt: skip
            case 2:
                return put("people", person_id=f"P{number}", office_id=self.random.choice(("O1", "O2")),
                           **{"class": "strict"})  # fmt: skip
            case _:
                begin_ms = self.clock_ms + self.random.choice((-HOUR_MS, 0, 3))
                return put("leaves", leave_id=f"L{self.random.randrange(1_000)}", person_id=f"P{number}",
                           lon=lon, lat=lat, radius_m=5000, valid_from=instant_text(begin_ms),
                           valid_to=instant_text(begin_ms + 2 * HOUR_MS))  # fmt: skip


@pytest.mark.parametrize("seed", [*seeds(40)[:2], *seeds(40)[12:]])
@pytest.mark.parametrize(("ahead_ms", "handed_over"), [(0, True), (2, False)], ids=["in time", "ahead"])
def test_a_replay_of_the_log_is_that_of_the_files(
    seed: int, ahead_ms: int, handed_over: bool, tmp_path: Path
) -> None:
    crowd = Crowd(tmp_path, seed, ahead_ms, handed_over)
    with closing(crowd.registry):
        crowd.live()
    with closing(JournalReader(tmp_path / "journal")) as reader:
        records = reader.poll()
    numbers = {f"D{number}": number for number in range(DEVICES)}
    rows = [one for one in records if one.kind == CONFIRMATIONS]
    arrivals = [row_arrivals([one], numbers).arrival_ms.tolist() for one in rows]
    flat = [ms for some in arrivals for ms in some]
    assert len(flat) == len(crowd.rows)
    stamped = [row | {"arrival_time": instant_text(ms)} for row, ms in zip(crowd.rows, flat, strict=True)]
    (tmp_path / "confirmations.ndjson").write_text("".join(json.dumps(row) + "\n" for row in stamped))
    (tmp_path / "pings.ndjson").write_text("")
    assert sum(one.kind == SITE for one in records) > 10
    assert invoked("site", "export", tmp_path / "export", "--data", tmp_path).exit_code == 0
    until = instant_text(records[-1].clock_ms)
    by_log = _replayed(tmp_path / "log.out", until, "--log", tmp_path)
    by_files = _replayed(
        tmp_path / "files.out", until, "--site", tmp_path / "export", "--pings", tmp_path / "pings.ndjson",
        "--confirmations", tmp_path / "confirmations.ndjson",
    )  # fmt: skip
    assert by_log == by_files
    assert by_log


def _replayed(alerts: Path, until: str, *words: str | Path) -> list[bytes]:
    done = invoked("replay", *words, "--alerts", alerts, "--until", until)
    assert done.exit_code == 0, done.output
    return alerts.read_bytes().splitlines()
