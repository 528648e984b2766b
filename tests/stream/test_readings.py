"""Columns beside whose, when and where: every format gives the same, beside the rows that were accepted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from stream_rows import one_batch, opened, written

from pipeline.columns import NUMBER, OTHER_COLUMNS, TEXT
from pipeline.ping import CONFIRMATION
from pipeline.reading import Challenges
from pipeline.rules import catalogue
from pipeline.sites.policies import Policies
from pipeline.sites.policy import Policy
from pipeline.stream import readings
from pipeline.stream.intake import Intake
from pipeline.stream.readings import NOT_GIVEN, judged_readings, readings_of

NAMES = ("battery_pct", "rssi_dbm", "charging", "fingerprint")
#: (whether accepted, what the row says, what is handed on, why)
ROWS: list[tuple[bool, dict[str, Any], dict[str, Any], str]] = [
    (True, {"battery_pct": 40.5, "charging": True}, {"battery_pct": 40.5, "charging": 1}, "as given"),
    (False, {"lon": 999.0, "battery_pct": 1.0, "fingerprint": "wrong"}, {}, "a row that is refused"),
    (True, {}, {}, "nothing given"),
    (
        True,
        {"battery_pct": 101.0, "rssi_dbm": -300.0},
        {"rssi_dbm": -300.0},
        "beyond the range of its column",
    ),
    (True, {"charging": False, "fingerprint": "甲"}, {"charging": 0, "fingerprint": "甲"}, "false is given"),
]


def objects() -> list[dict[str, Any]]:
    return [
        {"device_id": "D1", "event_time": f"2025-07-14T02:00:0{number}Z", "lon": 106.5, "lat": 29.6, **said}
        for number, (_, said, _, _) in enumerate(ROWS)
    ]


def table() -> pa.Table:
    cells = {name: [row.get(name) for row in objects()] for name in ("lon", "lat", *NAMES)}
    texts = {name: [row[name] for row in objects()] for name in ("device_id", "event_time")}
    return pa.table({**texts, **cells})


def ndjson(path: Path) -> Path:
    return written(path / "p.ndjson", "".join(json.dumps(row) + "\n" for row in objects()))


def comma(path: Path) -> Path:
    pyarrow.csv.write_csv(table(), path / "p.csv")
    return path / "p.csv"


def parquet(path: Path) -> Path:
    pyarrow.parquet.write_table(table(), path / "p.parquet")
    return path / "p.parquet"


def expected(name: str) -> list[Any]:
    nothing = None if OTHER_COLUMNS[name].holds in (NUMBER, TEXT) else NOT_GIVEN
    return [found.get(name, nothing) for is_accepted, _, found, _ in ROWS if is_accepted]


def shown(column: np.ndarray[Any, Any]) -> list[Any]:
    return [None if cell != cell else cell for cell in column.tolist()]


@pytest.mark.parametrize("write", [ndjson, comma, parquet])
@pytest.mark.parametrize("chunk_rows", [1, 2, 1000])
def test_every_format_gives_the_same(write: Callable[[Path], Path], chunk_rows: int, tmp_path: Path) -> None:
    batch = one_batch(opened(write(tmp_path), chunk_rows=chunk_rows))
    places = Intake(Policies(Policy()), Challenges()).ingest(batch).places
    found = readings_of(batch, places, NAMES)
    assert {name: shown(found[name]) for name in NAMES} == {name: expected(name) for name in NAMES}


def test_confirmations_among_them_say_nothing(tmp_path: Path) -> None:
    line = '{"device_id": "D1", "event_time": "2025-07-14T02:00:02Z", "face_ok": true}\n'
    made = opened(written(tmp_path / "c.ndjson", line), CONFIRMATION, number=1)
    batch = one_batch(opened(ndjson(tmp_path)), made)
    places = Intake(Policies(Policy()), Challenges()).ingest(batch).places
    found = readings_of(batch, places, ["charging"])["charging"].tolist()
    assert found == [1, NOT_GIVEN, NOT_GIVEN, NOT_GIVEN, 0]


def test_a_batch_without_rows_has_the_columns(tmp_path: Path) -> None:
    batch = one_batch(opened(ndjson(tmp_path)))
    found = readings_of(batch, np.zeros(0, np.int64), NAMES)
    assert {name: len(column) for name, column in found.items()} == dict.fromkeys(NAMES, 0)


@pytest.fixture(autouse=True)
def _rules_of_this_test() -> Iterator[None]:
    yield
    judged_readings.cache_clear()


@pytest.fixture
def _judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that judges by two of them: in its entry, and nowhere else."""
    rule = replace(
        catalogue.SILENT_DEVICE, kind="low_battery", columns=("event_time", "charging", "battery_pct")
    )
    monkeypatch.setattr(readings, "RULES", (*catalogue.RULES, rule))
    judged_readings.cache_clear()


@pytest.mark.usefixtures("_judged")
def test_what_a_rule_names_comes_with_the_rows_it_gets(tmp_path: Path) -> None:
    assert judged_readings() == ("battery_pct", "charging")
    accepted = Intake(Policies(Policy()), Challenges()).ingest(one_batch(opened(ndjson(tmp_path)))).accepted
    assert {name: shown(column) for name, column in accepted.others.items()} == {
        name: expected(name) for name in ("battery_pct", "charging")
    }
    part = accepted.select(np.array([3, 0]))
    assert shown(part.others["charging"]) == [0, 1]
    assert len(part) == 2


def test_what_no_rule_names_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading it costs as much again as the row."""
    monkeypatch.setattr(readings, "RULES", (catalogue.SILENT_DEVICE, catalogue.ZONE_ENTRY))
    judged_readings.cache_clear()
    assert judged_readings() == ()
    assert (
        Intake(Policies(Policy()), Challenges()).ingest(one_batch(opened(ndjson(tmp_path)))).accepted.others
        == {}
    )
