"""When devices were last heard and what their batteries were: from rows of the log to the store."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pytest
from minimal_site import WHOLE, write_site

from geofences.instant import instant_ms
from pipeline.log.decoded import DecodedLog
from pipeline.log.journal import JournalReader
from pipeline.log.journal.journal import Journal
from pipeline.log.record import Entry
from pipeline.log.rows import RowDecoder, rows_entry
from pipeline.ping import CONFIRMATION, PING
from pipeline.reading import Challenges, DeviceIds
from pipeline.reading.raw_batch import RawBatch
from pipeline.runtime.whereabouts import Locator
from pipeline.sites.load import load_site
from pipeline.sites.records import Site
from pipeline.stream.batteries import Batteries, batteries_of
from pipeline.stream.division import divide
from pipeline.stream.intake import Intake
from pipeline.stream.readings import NOT_GIVEN
from sinks.positions import Contact, PositionStore

NOON_MS = instant_ms("2025-07-14T12:00:00+08:00")
TIME = pa.timestamp("ms", "UTC")
#: P1 goes from O1 to O2 at 100 s past noon, and is of another class from 50 s on. D2 passes from P2 to P3.
OFFICES = """\
office_id,parent_id,name,level
C1,,County,county
O1,C1,Office One,judicial_office
O2,C1,Office Two,judicial_office
"""
PEOPLE = """\
person_id,name,office_id,class,valid_from,valid_to
P1,One,O1,general,,2025-07-14T04:00:50Z
P1,One,O1,lenient,2025-07-14T04:00:50Z,2025-07-14T04:01:40Z
P1,One,O2,lenient,2025-07-14T04:01:40Z,
P2,Two,O1,general,,2025-07-14T04:01:20Z
P3,Three,O1,general,,
"""
DEVICES = """\
device_id,person_id,kind,valid_from,valid_to
D1,P1,phone,,
D2,P2,phone,,2025-07-14T04:01:40Z
D2,P3,phone,2025-07-14T04:01:40Z,
"""


class Row(NamedTuple):
    """Seconds past noon, and what the row says; a heartbeat has no position."""

    event_s: int
    arrival_s: int
    pct: float | None = None
    charging: bool | None = None
    kind: int = PING
    heartbeat: bool = True
    device: str = "D1"


class Heard(NamedTuple):
    """What is kept of it, in seconds past noon."""

    whose: str
    event_s: int
    arrival_s: int
    pct: float | None = None
    charging: bool | None = None
    battery_s: int | None = None


ONE, TWO = "P1 O1", "P1 O2"

CASES = [
    ("a heartbeat is a contact", [Row(1, 2)], Heard(ONE, 1, 2)),
    ("so is a place", [Row(1, 2, heartbeat=False)], Heard(ONE, 1, 2)),
    (
        "so is a confirmation, which knows nothing of the battery",
        [Row(1, 2, 40, True), Row(5, 6, kind=CONFIRMATION)],
        Heard(ONE, 5, 6, 40, True, 1),
    ),
    ("the newer reading stands", [Row(1, 2, 40, True), Row(3, 4, 3, False)], Heard(ONE, 3, 4, 3, False, 3)),
    (
        "what was sent late is a contact, and its reading is an old one",
        [Row(9, 9, 3, False), Row(1, 20, 40, True)],
        Heard(ONE, 9, 20, 3, False, 9),
    ),
    ("a row without a reading takes none away", [Row(1, 2, 40), Row(3, 4)], Heard(ONE, 3, 4, 40, None, 1)),
    (
        "charging alone is no reading: of the percentage it says nothing",
        [Row(1, 2, 40, False), Row(3, 4, None, True)],
        Heard(ONE, 3, 4, 40, False, 1),
    ),
    (
        "whether it charged before does not outlive the percentage",
        [Row(1, 2, 40, True), Row(3, 4, 39)],
        Heard(ONE, 3, 4, 39, None, 3),
    ),
    (
        "at one time the later row of the log stands",
        [Row(1, 2, 40), Row(1, 3, 39, heartbeat=False)],
        Heard(ONE, 1, 3, 39, None, 1),
    ),
    ("0 and 100 are percentages", [Row(1, 2, 100), Row(3, 4, 0)], Heard(ONE, 3, 4, 0, None, 3)),
    (
        "below and above is no percentage",
        [Row(1, 2, 40), Row(3, 4, -1), Row(5, 6, 101)],
        Heard(ONE, 5, 6, 40, None, 1),
    ),
    ("a change of class changes nothing", [Row(40, 40, 9), Row(60, 60)], Heard(ONE, 60, 60, 9, None, 40)),
    ("nothing goes over to the next office", [Row(99, 99, 9, True), Row(100, 100)], Heard(TWO, 100, 100)),
    (
        "what the old office's time sends later is not the new one's",
        [Row(110, 110), Row(90, 120, 9, True)],
        Heard(TWO, 110, 110),
    ),
    (
        "nor does it go over to whom the device is given next",
        [Row(70, 70, 9, device="D2"), Row(110, 110, device="D2")],
        Heard("P3 O1", 110, 110),
    ),
    ("of nobody's time there is no contact", [Row(90, 90, 9, device="D2")], None),
    (
        "a clock that is wrong makes no contact",
        [Row(1, 2, 40), Row(900, 3, 3)],
        Heard(ONE, 1, 2, 40, None, 1),
    ),
]  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    edits = (("offices.csv", WHOLE, OFFICES), ("people.csv", WHOLE, PEOPLE), ("devices.csv", WHOLE, DEVICES))
    return load_site(write_site(tmp_path_factory.mktemp("site"), *edits))


@pytest.mark.parametrize(("reason", "rows", "expected"), CASES, ids=[reason for reason, *_ in CASES])
def test_what_is_kept_of_a_device(
    tmp_path: Path, site: Site, reason: str, rows: list[Row], expected: Heard | None
) -> None:
    """However the log is cut into batches, and put again from anywhere as after a kill."""
    person = "P1" if expected is None else expected.whose.split()[0]
    wanted = [] if expected is None else [_contact(rows[0].device, expected)]
    for cut in (1, len(rows)):
        batches = list(contacts(tmp_path / str(cut), site, rows, cut))
        store = PositionStore.open(tmp_path / f"{cut}.sqlite")
        for found in batches:
            store.put([], found)
        assert store.contacts_of(person) == wanted, reason
        for again in range(len(batches)):
            for found in batches[again:]:
                store.put([], found)
            assert store.contacts_of(person) == wanted, f"{reason}: told again from batch {again}"
        store.close()


def contacts(directory: Path, site: Site, rows: list[Row], cut: int) -> list[list[Contact]]:
    """What each batch of so many rows tells."""
    locator, intake = Locator(divide(site, 1)), Intake(site.policies, challenges := Challenges())
    found = []
    for batch in logged(directory, rows, cut, challenges):
        taken = intake.ingest(batch)
        found.append(locator.contacts(taken.accepted, batteries_of(batch, taken.places)))
    return found


def logged(directory: Path, rows: list[Row], cut: int, challenges: Challenges) -> list[RawBatch]:
    """The rows through a log, ``cut`` records at a time."""
    with Journal(directory) as journal:
        journal.append([entry(row) for row in rows])
    decoder = RowDecoder(DeviceIds(["D1", "D2"]), challenges)
    log, found = DecodedLog(JournalReader(directory, 0), decoder), []
    while items := log.poll(cut):
        found += [item.content for item in items if isinstance(item.content, RawBatch)]
    log.close()
    return found


def entry(row: Row) -> Entry:
    degrees = (None, None) if row.heartbeat else (106.5, 29.5)
    columns: dict[str, object] = {
        "device_id": [row.device],
        "event_time": pa.array([NOON_MS + row.event_s * 1000], TIME),
        "lon": pa.array([degrees[0]], pa.float64()),
        "lat": pa.array([degrees[1]], pa.float64()),
    }
    if row.kind == PING:
        columns["battery_pct"] = pa.array([row.pct], pa.float64())
        columns["charging"] = pa.array([row.charging], pa.bool_())
    batch = pa.record_batch(columns)
    return rows_entry(row.kind, batch, source="app", arrival_ms=NOON_MS + row.arrival_s * 1000)


def _contact(device: str, heard: Heard) -> Contact:
    person, office = heard.whose.split()
    battery_ms = None if heard.battery_s is None else NOON_MS + heard.battery_s * 1000
    event_ms, arrival_ms = NOON_MS + heard.event_s * 1000, NOON_MS + heard.arrival_s * 1000
    return Contact(device, person, office, event_ms, arrival_ms, heard.pct, heard.charging, battery_ms)


def test_readings_stand_beside_their_rows_whatever_is_refused_between(tmp_path: Path, site: Site) -> None:
    """Pings and confirmations are chunks of their own; a refused row has no place among the accepted."""
    rows = [
        Row(1, 1, 11, True),
        Row(2, 2, kind=CONFIRMATION),
        Row(1, 3, 99, False),  # a duplicate: refused
        Row(3, 4, 33),
        Row(4, 5, 44, False, device="D2"),
    ]
    challenges = Challenges()
    intake = Intake(site.policies, challenges)
    (batch,) = logged(tmp_path, rows, len(rows), challenges)
    found: Batteries = batteries_of(batch, intake.ingest(batch).places)
    assert [None if pct != pct else pct for pct in found.pct.tolist()] == [11, None, 33, 44]
    assert found.charging.tolist() == [1, NOT_GIVEN, NOT_GIVEN, 0]


def test_without_batteries_contacts_are_known(tmp_path: Path, site: Site) -> None:
    challenges = Challenges()
    (batch,) = logged(tmp_path, [Row(1, 2, 40, True)], 1, challenges)
    rows = Intake(site.policies, challenges).ingest(batch).accepted
    assert Locator(divide(site, 1)).contacts(rows, None) == [_contact("D1", Heard(ONE, 1, 2))]
