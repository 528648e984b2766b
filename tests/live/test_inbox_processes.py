"""Rows as files: `run` takes them out of its inbox, `serve` shows the alerts, a kill leaves no trace."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from forked import ForkedCommand, run_forked
from live_county import DEVICE_COUNT, ENDS_IN_S, command, make_home, queue_lines, send, served

from fencewatch.opened_tokens import opened_tokens
from geofences.instant import instant_ms
from pipeline.host.clock import SimulatedClock
from pipeline.log.journal import Journal, JournalReader
from pipeline.log.record import STREAM_OF
from sinks.access import Role
from sinks.alert import instant_text
from sinks.rejects import RejectedRow, RejectFilter, RejectStore
from sinks.run_metrics import RunMetrics

NOW_MS = instant_ms("2025-07-14T04:00:00Z")
BIG_ROWS = 120_000


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A system whose clock stands still until a test sets it."""
    make_home(tmp_path, 'inbox = "inbox"')
    for name in ("data", "inbox"):
        (tmp_path / name).mkdir()
    SimulatedClock.make(tmp_path / "data" / "clock", NOW_MS, speed=1.0)
    return tmp_path


@contextmanager
def running(home: Path) -> Iterator[None]:
    """`run`, ended by SIGTERM as a supervisor would; what it says goes to a file."""
    process = start(home)
    try:
        yield
    finally:
        process.terminate()
        assert process.wait(30) == 0, "SIGTERM finishes the piece at hand and ends well"


def start(home: Path) -> ForkedCommand:
    with (home / "said.txt").open("a") as said:
        return command(home, "run", "--config", "fencewatch.toml", err=said.fileno())


def until(holds: Callable[[], bool], what: str, every_s: float = 0.1) -> None:
    ends_s = time.monotonic() + ENDS_IN_S
    while not holds():
        assert time.monotonic() < ends_s, f"never came: {what}"
        time.sleep(every_s)


def put(home: Path, name: str, content: str) -> None:
    """Writes a file beside its place and renames it, as senders do."""
    part = home / "inbox" / f"{name}.part"
    part.write_text(content)
    part.rename(part.with_suffix(""))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def at(seconds: float) -> str:
    return instant_text(NOW_MS + round(seconds * 1000))


def alerts(home: Path) -> list[dict[str, Any]]:
    path = home / "data" / "queue.sqlite"
    return [json.loads(line) for line in queue_lines(path)] if path.exists() else []


def rejects(home: Path) -> list[RejectedRow]:
    """In the order they were refused."""
    store = RejectStore.open(home / "data" / "rejects.sqlite")
    found = store.rows(RejectFilter())
    store.close()
    return found[::-1]


def figures(home: Path) -> RunMetrics:
    found = RunMetrics.read(home / "data" / "run-metrics.json")
    assert found is not None
    assert found.rows == found.accepted + sum(found.rejected.values())
    return found


def pass_time(home: Path) -> None:
    """The log's clock goes on until every phone is missed."""
    SimulatedClock(home / "data" / "clock", settable=True).set(NOW_MS + 5_000)

    def all_are_silent() -> bool:
        return [alert["kind"] for alert in alerts(home)].count("silent_device") == DEVICE_COUNT

    until(all_are_silent, "silence of all, by clock marks alone")


CSV = f"""\
device_id,event_time,lon,lat,battery_pct,operator,height
D0,{at(-20)},107.5,29.5,87,电信,3
D0,{at(-10)},107.5,29.5,86,,3
D1,{at(-10)},106.5,29.5,,"a, b",
D77,{at(-10)},106.5,29.5,,,
D1,yesterday,106.5,29.5,,,
D1,{at(400)},106.5,29.5,,,
D1,{at(-9)},x,29.5,,,
D1,{at(-9)},106.5,29.5,much,,
"""
NDJSON = f"""\
{{"device_id":"D1","event_time":"{at(-10)}","lon":106.5,"lat":29.5}}

not json
{{"device_id":"D2","event_time":"{at(-1)}","lon":107.5,"lat":29.5,"app_version":"1.2"}}
"""
REASONS = [
    ("pings-a.csv", 4, "unknown_device"),
    ("pings-a.csv", 5, "bad_time"),
    ("pings-a.csv", 6, "bad_time"),
    ("pings-a.csv", 7, "bad_coordinates"),
    ("pings-a.csv", 8, "bad_value"),
    ("pings-b.ndjson", 2, "malformed"),
]


def test_files_become_alerts(home: Path) -> None:
    confirmation = {"device_id": "D3", "event_time": at(-5), "lon": 107.5, "lat": 29.5, "face_ok": True}
    (home / "inbox" / "pings-broken.parquet").write_text("PAR1 and nothing else")
    put(home, "pings-a.csv", CSV)
    with served(home) as address, running(home):
        until(lambda: (home / "inbox" / "done" / "pings-a.csv").exists(), "the first file")
        put(home, "pings-b.ndjson", NDJSON)
        until(lambda: (home / "inbox" / "done" / "pings-b.ndjson").exists(), "the second file")
        part = home / "inbox" / ".confirmations.parquet"
        pq.write_table(pa.Table.from_pylist([confirmation]), part)
        part.rename(home / "inbox" / "confirmations.parquet")
        until(lambda: (home / "inbox" / "done" / "confirmations.parquet").exists(), "the third file")
        pass_time(home)
        assert_served_beside(home, address)
    found = [(alert["kind"], alert["device_id"], alert["onset_at"]) for alert in alerts(home)]
    violations = sorted(alert for alert in found if alert[0] == "boundary_violation")
    assert violations == [("boundary_violation", "D0", at(-20)), ("boundary_violation", "D3", at(-5))]
    told = rejects(home)
    assert [(row.source, row.place, row.reason) for row in told] == REASONS
    assert [row.raw for row in told[:5]] == CSV.splitlines()[4:]
    assert told[-1].raw == "not json"
    assert names(home / "inbox" / "done") == ["confirmations.parquet", "pings-a.csv", "pings-b.ndjson"]
    assert names(home / "inbox" / "refused") == ["pings-broken.parquet"]
    assert names(home / "inbox") == [".taking", "done", "refused"]
    said = (home / "said.txt").read_text().splitlines()
    assert [line.split(":")[0] for line in said] == ["pings-broken.parquet", "pings-a.csv"]
    assert (figures(home).rows, figures(home).accepted) == (12, 5)
    assert figures(home).rejected["duplicate"] == 1, "the first of the two was taken"


def assert_served_beside(home: Path, address: str) -> None:
    """`serve` shows what there is and takes no rows."""
    with opened_tokens(home / "data") as tokens:
        operator = tokens.create(Role.OPERATOR, now_ms=NOW_MS)
        officer = tokens.create(Role.OFFICER, office_id="O1", now_ms=NOW_MS)
    status, text = refusal(address, operator)
    assert (status, "by the inbox" in text) == (409, True)
    ready = json.loads(urllib.request.urlopen(f"{address}/readyz").read())
    assert ready == {"status": "ready", "problems": []}
    request = urllib.request.Request(f"{address}/v1/alerts")
    request.add_header("Authorization", f"Bearer {officer}")
    assert len(json.loads(urllib.request.urlopen(request).read())["items"]) == DEVICE_COUNT + 2


def refusal(address: str, bearer: str) -> tuple[int, str]:
    try:
        send(address, bearer, [{"device_id": "D1", "event_time": at(0), "lon": 106.5, "lat": 29.5}])
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    raise AssertionError("the rows were taken")


def big_file() -> str:
    """An hour of all phones; three of them go out and come back, and every thousandth row is unusable."""
    lines = ["device_id,event_time,lon,lat,speed_mps"]
    for row in range(BIG_ROWS):
        device, second = row % DEVICE_COUNT, -3600 * (1 - row / BIG_ROWS)
        is_out = device < 3 and (row // 20_000) % 2 == 1
        lon = "somewhere" if row % 1000 == 999 else 107.5 if is_out else 106.5
        lines.append(f"D{device},{at(second)},{lon},29.5,{row % 30}")
    return "\n".join(lines)


def rows_in_log(home: Path) -> bool:
    try:
        found = JournalReader(home / "data" / "journal").poll()
    except FileNotFoundError:
        return False
    return any(record.kind in STREAM_OF for record in found)


@pytest.mark.soak
def test_a_kill_in_the_middle_of_a_file_leaves_no_trace(home: Path, tmp_path_factory: Any) -> None:
    big = big_file()
    peace = make_home(tmp_path_factory.mktemp("peace"), 'inbox = "inbox"')
    for name in ("data", "inbox"):
        (peace / name).mkdir()
    SimulatedClock.make(peace / "data" / "clock", NOW_MS, speed=1.0)
    for system in (home, peace):
        put(system, "pings.csv", big)
    engine = start(home)
    until(lambda: rows_in_log(home), "the first piece", every_s=0.005)
    engine.kill()
    engine.wait(30)
    assert [name[-10:] for name in names(home / "inbox" / ".taking")] == ["-pings.csv"]
    for system in (home, peace):
        with running(system):
            until(lambda: names(system / "inbox" / "done") == ["pings.csv"], "the whole file")  # noqa: B023
            pass_time(system)
    assert queue_lines(home / "data" / "queue.sqlite") == queue_lines(peace / "data" / "queue.sqlite")
    assert (figures(home).rows, figures(home).rejected) == (BIG_ROWS, figures(peace).rejected)
    assert figures(home).rejected == {"bad_coordinates": BIG_ROWS // 1000}
    assert [row.place for row in rejects(home)] == [row.place for row in rejects(peace)]


def test_what_keeps_it_from_starting_is_one_line(home: Path) -> None:
    with Journal(home / "data" / "journal"):
        found = run_forked("run", "--config", "fencewatch.toml", cwd=home)
    told = [line for line in found.stderr.splitlines() if "could be read by others; closed" not in line]
    assert (found.returncode, len(told)) == (1, 1)
    assert "writes this journal already" in told[0]
    for name in ("done", "refused", ".taking"):
        (home / "inbox" / name).rmdir()
    (home / "inbox").rmdir()
    (home / "inbox").write_text("")
    found = run_forked("run", "--config", "fencewatch.toml", cwd=home)
    assert (found.returncode, found.stderr.count("\n")) == (2, 1)
    assert "cannot be a directory of the inbox" in found.stderr
