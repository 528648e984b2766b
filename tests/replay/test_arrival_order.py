"""A clock dragged ahead is told: by which row, how far, and how many rows it overrides."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from minimal_site import WHOLE, write_site
from replay.command_line import invoked

from geofences.instant import instant_ms
from pipeline.sites.load import load_site
from pipeline.stream import arrival_order
from pipeline.stream.arrival_order import MISSED_MOST, Owed
from sinks.alert import instant_text

T0, MINUTE_MS = instant_ms("2025-07-14T02:00:00Z"), 60_000
YEAR_MIN = 525_600


@pytest.fixture(autouse=True)
def _there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "site").mkdir()
    write_site(tmp_path / "site")


def at(minute: float) -> str:
    return instant_text(T0 + round(minute * MINUTE_MS))


def pings(name: str, *rows: tuple[str, float, float | None]) -> str:
    """Rows as (device, event, arrival or None where not given), in minutes."""
    objects = [
        {"device_id": device, "event_time": at(event), "lon": 106.5, "lat": 29.5}
        | ({} if arrival is None else {"arrival_time": at(arrival)})
        for device, event, arrival in rows
    ]
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in objects))
    return name


def replayed(*words: str) -> tuple[int, dict[str, Any], list[str]]:
    """The exit code, the summary and the warnings."""
    done = invoked("replay", "--site", "site", *words, "--alerts", "a", "--rejects", "r", "--json")
    return done.exit_code, json.loads(done.stdout or "{}"), done.stderr.splitlines()


Rows = list[tuple[str, float, float | None]]

#: (why, rows, (rows overridden, first, most in minutes, at row, behind row, too late), or None)
ORDERS: list[tuple[str, Rows, tuple[int, int, float, int, int, int] | None]] = [
    ("in order", [("D1", 0, 0), ("D2", 1, 1), ("D1", 1, 1)], None),
    ("late fixes that arrive in order", [("D1", 5, 5), ("D2", 1, 6), ("D1", 6, 7)], None),
    ("sorted by device",
     [*(("D1", minute, None) for minute in (0, 60, 120)), *(("D2", minute, None) for minute in (0, 60, 120))],
     (2, 4, 120, 4, 3, 0)),
    ("one wrong-dated arrival", [("D1", 0, 0), ("D1", 1, 600), ("D1", 2, 2), ("D1", 3, 3), ("D1", 601, 601)],
     (2, 3, 598, 3, 2, 0)),
    ("two jumps: the worst is told", [("D1", 0, 5), ("D1", 1, 1), ("D1", 2, 50), ("D1", 3, 3), ("D1", 4, 60)],
     (2, 2, 47, 4, 3, 0)),
    ("by a millisecond", [("D1", 0, 1), ("D1", 0.5, 1 - 1 / 60_000)], (1, 2, 1 / 60_000, 2, 1, 0)),
    ("weeks ahead: others are too late for it",
     [("D1", 0, 0), ("D1", 20_000, None), ("D1", 2, 2), ("D2", 3, 3), ("D1", 20_001, 20_001)],
     (2, 3, 19_998, 3, 2, 2)),
    ("an arrival so far behind its event is rejected itself",
     [("D1", 0, 0), ("D1", 1, 20_000), ("D1", 2, 2)], None),
    ("a rejected row drags nothing", [("D1", 0, 0), ("D9", 1, 600), ("D1", 2, 2)], None),
    ("too late by itself", [("D1", 20_000, 20_000), ("D1", 2, 20_001)], None),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "expected"), [row[1:] for row in ORDERS], ids=[row[0] for row in ORDERS])
@pytest.mark.parametrize("batch", ["1", "2", "65536"])
def test_rows_that_say_they_came_earlier(batch: str, rows: Rows, expected: tuple[int, ...] | None) -> None:
    name = pings("p.ndjson", *rows)
    code, summary, said = replayed("--pings", name, "--batch", batch)
    assert code == 0
    found = [
        (entry["rows"], entry["first_row"], round(entry["most_s"] * 1000), entry["most_row"],
         entry["behind"]["row"], entry["too_late"])
        for entry in summary["out_of_order"]
    ]  # fmt: skip
    assert found == (
        [] if expected is None else [(*expected[:2], round(expected[2] * MINUTE_MS), *expected[3:])]
    )
    told = [line for line in said if "not in order of arrival" in line]
    assert len(told) == len(found)
    if expected is not None:
        assert summary["out_of_order"][0]["file"] == summary["out_of_order"][0]["behind"]["file"] == name
        words = [f"{name}: not in order", f"{expected[0]} rows", f"first of them row {expected[1]},",
                 f"row {expected[3]} by", f"before row {expected[4]} ("]  # fmt: skip
        assert all(word in told[0] for word in words), told[0]


def test_files_are_told_of_one_by_one() -> None:
    """Each file is merged by its own running maximum: one out of order does not touch another."""
    good = pings("good.ndjson", *(("D1", minute, None) for minute in range(60)))
    bad = pings("bad.ndjson", ("D2", 0, None), ("D2", 30, None), ("D2", 10, None))
    _, summary, _ = replayed("--pings", good, bad)
    assert [(entry["file"], entry["rows"]) for entry in summary["out_of_order"]] == [(bad, 1)]


def test_counts_are_those_of_a_walk_over_the_rows() -> None:
    rng = random.Random(4)
    for number in range(8):
        arrivals = [minute + rng.choice([0, 0, 0, rng.randint(0, 300)]) for minute in range(50)]
        name = pings(
            f"{number}.ndjson", *(("D1", minute, arrival) for minute, arrival in enumerate(arrivals))
        )
        so_far = [max(arrivals[: row + 1]) for row in range(50)]
        behind = [high - arrival for high, arrival in zip(so_far, arrivals, strict=True)]
        _, summary, _ = replayed("--pings", name, "--batch", str(rng.randint(1, 60)))
        [found] = summary["out_of_order"]
        assert found["rows"] == sum(late > 0 for late in behind)
        assert found["most_s"] == max(behind) * 60
        assert found["first_row"] == next(row for row, late in enumerate(behind, 1) if late)


def test_a_long_time_without_a_row_is_told() -> None:
    name = pings("p.ndjson", ("D1", 0, None), ("D1", 1, None), ("D1", 30 * 1440, None))
    code, summary, said = replayed("--pings", name)
    assert code == 0
    assert summary["jump"]["seconds"] == 30 * 86_400 - 60
    assert (summary["jump"]["from"]["row"], summary["jump"]["to"]["row"]) == (2, 3)
    assert said == [
        f"warning: {name}: row 3 ({at(30 * 1440)}) arrives 29 days 23 h after row 2 ({at(1)}); what falls "
        "silent or is owed in between counts as silent or missed"
    ]


def test_a_recording_without_a_gap_has_no_word_of_it() -> None:
    days = (("D1", day * 1440, None) for day in range(7))
    _, summary, said = replayed("--pings", pings("p.ndjson", *days))
    assert (said, summary["jump"]["seconds"]) == ([], 86_400)
    _, summary, _ = replayed("--pings", pings("one.ndjson", ("D1", 0, None)))
    assert summary["jump"] is None


CROWD = "person_id,name,office_id,class,valid_from,valid_to\n" + "".join(
    f"P{n},P{n},O1,{'strict' if n % 2 else 'general'},,\n" for n in range(1, 21)
)
#: Twenty people, 70 windows a day: a million in 39 years, and less than half of that in eighteen.
FAR, NEAR = 74 * YEAR_MIN, 18 * YEAR_MIN


def crowd() -> None:
    write_site(Path("site"), ("people.csv", WHOLE, CROWD))


def test_a_jump_of_a_million_missed_confirmations_stops_the_replay() -> None:
    crowd()
    Path("a").write_text("what stood there")
    name = pings("p.ndjson", ("D1", 0, None), ("D1", FAR, None), ("D1", 2, None))
    code, summary, said = replayed("--pings", name)
    assert (code, summary, len(said)) == (2, {}, 1)
    words = [f"{name}: row 2 (2099-", "after row 1 (2025-07-14", "would count as missed", "--accept-jump"]
    assert all(word in said[0] for word in words), said[0]
    assert int(said[0].partition("about ")[2].partition(" conf")[0].replace(",", "")) == pytest.approx(
        74 * 365 * 70, rel=0.01
    )
    assert Path("a").read_text() == "what stood there"


#: (why, rows, further arguments): judged, as the contract says.
GOES_ON: list[tuple[str, Rows, list[str]]] = [
    ("until before the jump", [("D1", 0, None), ("D1", FAR, None)], ["--until", at(60)]),
    ("a rejected row", [("D1", 0, None), ("D9", FAR, None), ("D1", 2, None)], []),
    ("an arrival so far behind its event", [("D1", 0, None), ("D1", 1, FAR), ("D1", 2, None)], []),
    ("a clock of the device alone, whose arrival is ours", [("D1", 0, 0), ("D1", FAR, 1), ("D1", 2, 2)], []),
]


@pytest.mark.parametrize(("rows", "words"), [row[1:] for row in GOES_ON], ids=[row[0] for row in GOES_ON])
def test_what_makes_no_alerts_stops_nothing(rows: Rows, words: list[str]) -> None:
    crowd()
    code, summary, _ = replayed("--pings", pings("p.ndjson", *rows), *words)
    assert code == 0
    assert sum(summary["alerts"].values()) < 100


def test_a_jump_that_is_meant_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """The alerts are there, and so is the warning; 60 days are too far here: a million take minutes."""
    monkeypatch.setattr(arrival_order, "MISSED_MOST", 4_000)
    crowd()
    name = pings("p.ndjson", ("D1", 0, None), ("D1", 60 * 1440, None))
    code, _, said = replayed("--pings", name)
    assert (code, len(said)) == (2, 1)
    code, summary, said = replayed("--pings", name, "--accept-jump")
    assert (code, len(said)) == (0, 1)
    assert summary["alerts"]["missed_confirmation"] == pytest.approx(60 * 70, rel=0.01)


def test_owed_is_what_falls_into_the_supervision(tmp_path: Path) -> None:
    """Eighteen years make half a million at most; people who are gone count no more."""
    crowd()
    owed = Owed(load_site(tmp_path / "site"))
    assert owed.between(T0, T0 + NEAR * MINUTE_MS) < MISSED_MOST < owed.between(T0, T0 + FAR * MINUTE_MS)
    assert owed.between(T0, T0 + 1440 * MINUTE_MS) == 70
    assert owed.between(T0, T0 - 1) == 0
    write_site(Path("site"), ("people.csv", WHOLE, CROWD.replace("strict,,", "strict,,2025-07-15T02:00:00Z")))
    owed = Owed(load_site(tmp_path / "site"))
    assert owed.between(T0, T0 + 10 * 1440 * MINUTE_MS) == 40 + 300
