"""Rows in merged order: what is accepted, what is refused and why, and where the clock stands."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from case_files import OWN_CASES, SHARED_CASES, Case, cases_in
from hypothesis import given, settings
from hypothesis import strategies as st
from stream_rows import GivenFile, given_rows, one_batch, opened, written

from geofences.crs import CRS, to_wgs84
from geofences.instant import BEGIN_MS, instant_ms
from pipeline.ping import CONFIRMATION, PING, PingBatch
from pipeline.reading import REASONS, Challenges, DeviceIds, open_stream
from pipeline.reading.raw_batch import RawBatch
from pipeline.sites.load import load_site
from pipeline.sites.policies import Policies
from pipeline.sites.policy import Policy
from pipeline.stream.intake import Intake, Reject
from pipeline.stream.merge import merged

T0 = instant_ms("2025-07-14T02:00:00Z")
S = 1000
HORIZON = Policy().backfill_horizon_ms
NAN = math.nan


def _reasons(*files: GivenFile, intake: Intake | None = None) -> list[str]:
    """The reason of each row in merged order, ``ok`` where accepted."""
    batch = one_batch(*files)
    result = (intake or Intake(Policies(Policy()), Challenges())).ingest(batch)
    found = {(reject.file, reject.row): reject.reason for reject in result.rejects}
    return [
        found.get((batch.names[f], r), "ok")
        for f, r in zip(batch.file.tolist(), batch.row.tolist(), strict=True)
    ]


def _pings(event_s: list[float], **columns: Any) -> GivenFile:
    if "arrival_s" in columns:
        given = columns.pop("arrival_s")
        columns["arrival_ms"] = [BEGIN_MS if at is None else T0 + round(at * S) for at in given]
    return GivenFile("p", PING, 0, given_rows([T0 + round(at * S) for at in event_s], **columns))


def test_a_clock_may_be_300_s_ahead_of_the_arrival() -> None:
    #            arrival:  0         0           0 (counts as 10: the running maximum)
    file = _pings([300, 10, 300.001, 310, 310.001], arrival_s=[0, None, 0, 0, 0])

    assert _reasons(file) == ["ok", "ok", "ok", "ok", "bad_time"]
    assert _reasons(_pings([300.001], arrival_s=[0])) == ["bad_time"]


def test_too_far_ahead_is_told_before_position_and_value() -> None:
    reasons = [
        REASONS.index(name) for name in ("bad_coordinates", "bad_value", "unknown_device", "malformed")
    ]
    file = _pings([0, 400, 400, 400, 400], arrival_s=[0, 0, 0, 0, 0], reason=[0, *reasons])

    assert _reasons(file) == ["ok", "bad_time", "bad_time", "unknown_device", "malformed"]


def test_older_than_the_horizon_at_its_arrival() -> None:
    horizon_s = HORIZON // S
    file = _pings([0, -horizon_s, -horizon_s - 0.001, -horizon_s], arrival_s=[0, 0, 0, 1])

    assert _reasons(file) == ["ok", "ok", "too_late", "too_late"]


def test_rejected_rows_move_no_clock() -> None:
    #                        too late      too far ahead
    file = _pings([0, -HORIZON // S, 9999, 5], arrival_s=[0, 8888, 7777, 5], reason=[0, 0, 0, 0])
    intake = Intake(Policies(Policy()), Challenges())

    assert _reasons(file, intake=intake) == ["ok", "too_late", "bad_time", "ok"]
    assert (intake.start_ms, intake.clock_ms) == (T0, T0 + 5 * S)


def test_what_makes_a_duplicate() -> None:
    rows = [
        # reason, event s, device, lon, lat
        ("ok", 0, 0, 106.5, 29.6),
        ("duplicate", 0, 0, 106.5, 29.6),
        ("ok", 0, 1, 106.5, 29.6),
        ("ok", 1, 0, 106.5, 29.6),
        ("ok", 0, 0, 106.5, 29.600000000000001 + 1e-14),
        ("ok", 0, 0, NAN, NAN),
        ("duplicate", 0, 0, NAN, NAN),  # nothing equals nothing
        ("ok", 0, 0, 0.0, 0.0),
        ("duplicate", 0, 0, -0.0, 0.0),
    ]
    reason, event_s, device, lon, lat = (list(column) for column in zip(*rows, strict=True))

    assert _reasons(_pings(event_s, arrival_s=[10] * len(rows), device=device, lon=lon, lat=lat)) == reason


def test_pings_and_confirmations_are_compared_apart_and_a_confirmation_by_two_more_columns() -> None:
    rows = [
        ("ok", False, -1),
        ("ok", True, -1),
        ("ok", False, 0),
        ("ok", False, 1),
        ("duplicate", False, 1),
        ("duplicate", False, -1),
    ]
    reason, face_ok, challenge = (list(column) for column in zip(*rows, strict=True))
    given = given_rows([T0] * len(rows), face_ok=face_ok, challenge=challenge)

    intake = Intake(Policies(Policy()), Challenges(["a", "b"]))
    assert _reasons(_pings([0]), GivenFile("c", CONFIRMATION, 1, given), intake=intake) == ["ok", *reason]


def test_another_accuracy_or_crs_makes_no_other_row() -> None:
    file = GivenFile("p", PING, 0, given_rows([T0, T0], crs=[0, 2]))

    assert _reasons(file) == ["ok", "duplicate"]


def test_a_duplicate_in_another_file_and_another_batch() -> None:
    again = GivenFile("q", PING, 1, given_rows([T0, T0 + 1], arrival_ms=[T0 + 5, T0 + 5]))
    intake = Intake(Policies(Policy()), Challenges())

    assert _reasons(_pings([0]), again, intake=intake) == ["ok", "duplicate", "ok"]
    assert _reasons(_pings([0, 9]), intake=intake) == ["duplicate", "ok"]
    assert (intake.read, intake.accepted, intake.rejected) == (5, 3, {"duplicate": 2})


def test_the_first_copy_is_forgotten_only_when_a_second_would_be_too_late() -> None:
    intake = Intake(Policies(Policy(backfill_horizon_ms=1000 * S)), Challenges())
    assert _reasons(_pings([0]), intake=intake) == ["ok"]
    for start in range(1, 1000, 100):  # the table grows on the way
        _reasons(
            _pings([start + step / 50 for step in range(5000)], arrival_s=[start + 99] * 5000), intake=intake
        )

    assert _reasons(_pings([0, 0], arrival_s=[1000, 1000.001]), intake=intake) == ["duplicate", "too_late"]


def test_known_rows_are_kept_anew_only_where_some_were_forgotten() -> None:
    """A table that grows goes on as it was: a checkpoint adds to its file what is new."""
    intake = Intake(Policies(Policy()), Challenges())

    def known(*files: GivenFile) -> tuple[int, list[int]]:
        assert set(_reasons(*files, intake=intake)) == {"ok"}
        seen = intake.checkpoint().growing["seen"]
        return seen.generation, seen.rows_from(0)["entries"]["event_ms"].tolist()

    first, rows = known(_pings([number * 0.001 for number in range(900)]))
    grown, more = known(_pings([1 + number * 0.001 for number in range(900)]))
    assert (first, more[:900]) == (grown, rows)
    week_s = HORIZON / S
    known(_pings([2 + week_s]))  # brings the clock to where what was before is forgotten at the next growth
    later, left = known(_pings([3 + week_s + number * 0.001 for number in range(4_000)]))
    assert (later > grown, len(left)) == (True, 4_001)


def test_rows_of_another_crs_are_converted_and_kept_as_given() -> None:
    given = given_rows(
        [T0, T0 + 1, T0 + 2, T0 + 3, T0 + 4],
        crs=[0, 1, 2, 3, 2],
        lon=[106.5] * 4 + [NAN],
        lat=[29.6] * 4 + [NAN],
    )
    accepted = (
        Intake(Policies(Policy()), Challenges()).ingest(one_batch(GivenFile("p", PING, 0, given))).accepted
    )

    assert accepted.given_lon.tolist()[:4] == [106.5] * 4
    for row, crs in enumerate(CRS):
        lon, lat = to_wgs84(np.array([106.5]), np.array([29.6]), crs)
        assert (accepted.lon[row], accepted.lat[row]) == (lon[0], lat[0])
    assert accepted.lon[2] != accepted.lon[3] != 106.5
    assert math.isnan(accepted.lon[4])


def test_a_rejected_row_says_where_it_stood_and_what_it_was() -> None:
    reject = Reject('dir/"p".ndjson', 7, "malformed", '{"x": "张\\u0000\ufffd"\t\n')

    said = '{"file":"dir/\\"p\\".ndjson","row":7,"reason":"malformed",'
    said += '"raw":"{\\"x\\": \\"张\\\\u0000\ufffd\\"\\t\\n"}\n'
    assert reject.line() == said.encode()
    assert json.loads(reject.line())["raw"] == reject.raw


def test_rejects_come_in_input_order_and_may_be_left_out(tmp_path: Path) -> None:
    good = '{"device_id": "D1", "event_time": "2025-07-14T02:00:00Z"}'
    file = written(tmp_path / "p.ndjson", f"[]\n{good}\n\n{good}\nx\n")

    (batch,) = merged([opened(file)], 10)
    rejects = Intake(Policies(Policy()), Challenges()).ingest(batch).rejects
    assert [(reject.row, reject.reason, reject.raw) for reject in rejects] == [
        (1, "malformed", "[]"),
        (3, "duplicate", good),
        (4, "malformed", "x"),
    ]
    assert {reject.file for reject in rejects} == {str(file)}

    intake = Intake(Policies(Policy()), Challenges())
    (batch,) = merged([opened(file)], 10)
    assert intake.ingest(batch, list_rejects=False).rejects == []
    assert intake.rejected == {"malformed": 2, "duplicate": 1}


# Any rows, against the rules written down row by row.

seconds = st.integers(-12, 12)
any_rows = st.lists(
    st.tuples(
        seconds,
        st.one_of(st.none(), seconds),
        st.sampled_from([0, 0, 0, 0, 0, 2, 4, 5]),
        st.integers(0, 1),
        st.sampled_from([106.5, NAN]),
        st.booleans(),
        st.integers(-1, 1),
    ),
    max_size=60,
)
AnyRow = tuple[int, int | None, int, int, float, bool, int]
COLUMNS = ("event_ms", "arrival_ms", "reason", "device", "lon", "face_ok", "challenge")
TIGHT = Policy(backfill_horizon_ms=8 * 60_000)


def _file(rows: list[AnyRow], chunk_rows: int, kind: int) -> GivenFile:
    columns: dict[str, Any] = (
        dict(zip(COLUMNS, map(list, zip(*rows, strict=True)), strict=True)) if rows else {"event_ms": []}
    )
    columns["event_ms"] = [T0 + at * 60_000 for at in columns["event_ms"]]
    if rows:
        columns["arrival_ms"] = [BEGIN_MS if at is None else T0 + at * 60_000 for at in columns["arrival_ms"]]
        columns["lat"] = [29.6 if lon == lon else lon for lon in columns["lon"]]
    return GivenFile(str(kind), kind, kind, given_rows(**columns), chunk_rows)


def _by_the_rules(batch: RawBatch) -> list[tuple[str, int]]:
    clock, seen, found = None, set(), []
    for place in range(len(batch)):
        row = {
            name: getattr(batch.rows, name)[place].item()
            for name in ("reason", "device", "event_ms", "given_arrival_ms", "lon", "face_ok", "challenge")
        }
        own = row["event_ms"] if row["given_arrival_ms"] == BEGIN_MS else row["given_arrival_ms"]
        arrival = own if clock is None else max(own, clock)
        key = (
            batch.kind[place],
            row["device"],
            row["event_ms"],
            repr(row["lon"]),
            row["face_ok"],
            row["challenge"],
        )
        reason = REASONS[row["reason"]]
        if reason in ("", "bad_coordinates", "bad_value") and row["event_ms"] > arrival + 300_000:
            reason = "bad_time"
        elif reason == "" and row["event_ms"] < arrival - TIGHT.backfill_horizon_ms:
            reason = "too_late"
        elif reason == "" and key in seen:
            reason = "duplicate"
        elif reason == "":
            clock = arrival
            seen.add(key)
        found.append((reason, arrival))
    return found


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    pings=any_rows,
    confirmations=any_rows,
    chunk_rows=st.sampled_from([1, 5, 100]),
    batch_rows=st.sampled_from([1, 4, 9, 1000]),
)
def test_any_rows_are_taken_by_the_rules_however_they_are_cut(
    pings: list[AnyRow], confirmations: list[AnyRow], chunk_rows: int, batch_rows: int
) -> None:
    def files() -> list[GivenFile]:
        return [_file(pings, chunk_rows, PING), _file(confirmations, chunk_rows, CONFIRMATION)]

    whole = list(merged(files(), 1000))
    expected = _by_the_rules(whole[0]) if whole else []
    intake, accepted, rejects = Intake(Policies(TIGHT), Challenges(["a", "b"])), [], []
    for batch in merged(files(), batch_rows):
        if batch_rows == 4:  # killed after each batch
            state, intake = intake.checkpoint().stored(), Intake(Policies(TIGHT), Challenges(["a", "b"]))
            intake.restore(state)
        result = intake.ingest(batch)
        accepted += result.accepted.arrival_ms.tolist()
        rejects += [reject.reason for reject in result.rejects]

    assert accepted == [arrival for reason, arrival in expected if not reason]
    assert rejects == [reason for reason, _ in expected if reason]
    assert intake.read == len(expected) == intake.accepted + sum(intake.rejected.values())
    assert (intake.start_ms, intake.clock_ms) == ((accepted[0], accepted[-1]) if accepted else (None, None))


def test_a_killed_run_goes_on_where_it_stood(tmp_path: Path) -> None:
    lines = [
        {
            "device_id": f"D{1 + n % 2}",
            "event_time": f"2025-07-14T02:{n // 2 % 60:02d}:00Z",
            "challenge_id": f"挑战{n % 7}",
        }
        for n in range(200)
    ]
    file = written(tmp_path / "c.ndjson", "\n".join(map(json.dumps, lines)))

    def batches(challenges: Challenges, skip_rows: int) -> Iterator[RawBatch]:
        return merged(
            [opened(file, CONFIRMATION, challenges=challenges, chunk_rows=9)], 20, skip_rows=skip_rows
        )

    straight = Intake(Policies(Policy()), Challenges())
    expected = [straight.ingest(batch) for batch in batches(straight.challenges, 0)]
    for killed_after in (0, 1, 7):
        intake = Intake(Policies(Policy()), Challenges())
        for _, batch in zip(range(killed_after), batches(intake.challenges, 0), strict=False):
            intake.ingest(batch)
        resumed = Intake(Policies(Policy()), Challenges())
        rest = batches(resumed.challenges, intake.read)
        first = next(rest)  # decoded before the state is there: challenge ids get other numbers
        resumed.restore(intake.checkpoint().stored())
        results = [resumed.ingest(batch) for batch in (first, *rest)]

        assert [result.rejects for result in results] == [
            result.rejects for result in expected[killed_after:]
        ]
        for result, other in zip(results, expected[killed_after:], strict=True):
            assert _as_lists(result.accepted) == _as_lists(other.accepted)
        assert resumed.rejected == straight.rejected
        assert resumed.clock_ms == straight.clock_ms


def _as_lists(batch: PingBatch) -> list[str]:
    return [repr(getattr(batch, column.name).tolist()) for column in fields(batch) if column.name != "others"]


@pytest.mark.parametrize(
    "case", [*cases_in(OWN_CASES), *cases_in(SHARED_CASES)], ids=lambda case: case.folder.name
)
def test_worked_cases_reject_what_they_say(case: Case) -> None:
    with (case.site / "devices.csv").open(encoding="utf-8-sig", newline="") as file:
        devices = DeviceIds(list(dict.fromkeys(row["device_id"] for row in csv.DictReader(file))))
    challenges = Challenges()
    intake = Intake(load_site(case.site).policies, challenges)
    paths = [*((path, PING) for path in case.pings), *((path, CONFIRMATION) for path in case.confirmations)]
    files = [
        open_stream(path, kind=kind, number=number, devices=devices, challenges=challenges)
        for number, (path, kind) in enumerate(paths)
    ]
    for batch in merged(files, 5):
        intake.ingest(batch)

    assert intake.rejected == case.expected_rejects


def test_challenges_keep_the_order_of_their_bytes_apart_from_their_numbers() -> None:
    challenges = Challenges()
    codes = [challenges.code(text) for text in ("b", "张", "", "a", "b")]

    assert codes == [0, 1, 2, 3, 0]
    assert sorted([*codes[:4], -1], key=challenges.key) == [-1, 2, 3, 0, 1]
