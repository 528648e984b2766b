"""The commands as a user meets them: what they print, where they write, and with which code they end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import typer
from case_files import OWN_CASES, cases_in
from forked import run_forked
from minimal_site import write_site
from replay.command_line import invoked

from fencewatch.commands import app
from geofences.instant import instant_ms

#: Three faults in three files.
BROKEN = (
    ("people.csv", "P1,Person 1,O1,general,,", "P1,Person 1,O7,general,,"),
    ("policy.toml", 'version = "test"', 'version = "test"\ncolour = "red"'),
    ("fences.geojson", '"rule": "keep_out"', '"rule": "keep_off"'),
)
SUMMARY_KEYS = [
    "rows", "accepted", "rejected", "alerts", "withdrawn", "start", "until", "seconds", "rows_per_second",
    "out_of_order", "jump", "warnings",
]  # fmt: skip
PINGS = "".join(
    json.dumps(
        {"device_id": "D1", "event_time": f"2025-07-14T02:{minute:02d}:00Z", "lon": 120.0, "lat": 29.6}
    )
    + "\n"
    for minute in range(0, 40, 2)
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a sound site and twenty pings far outside of the home fence."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "site").mkdir()
    write_site(tmp_path / "site")
    (tmp_path / "pings.ndjson").write_text(PINGS)
    return tmp_path


def replay_words(*more: str) -> list[str]:
    return ["replay", "--site", "site", "--pings", "pings.ndjson", "--alerts", "alerts.ndjson", *more]


def test_the_summary_for_machines(here: Path) -> None:
    done = invoked(*replay_words("--json"))
    summary = json.loads(done.stdout)
    assert list(summary) == SUMMARY_KEYS
    assert (summary["rows"], summary["accepted"], summary["rejected"], summary["withdrawn"]) == (
        20,
        20,
        {},
        0,
    )
    assert (summary["start"], summary["until"]) == ("2025-07-14T02:00:00.000Z", "2025-07-14T02:38:00.000Z")
    kinds = [json.loads(line)["kind"] for line in (here / "alerts.ndjson").read_text().splitlines()]
    assert summary["alerts"] == {kind: kinds.count(kind) for kind in kinds}
    assert "boundary_violation" in kinds


def test_the_summary_for_people(here: Path) -> None:
    done = invoked(*replay_words())
    assert done.exit_code == 0
    assert "20 read, 20 accepted" in done.stdout
    assert "boundary_violation 1" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("until", "judged", "why"),
    [
        ("2025-07-14T02:04:00Z", 1, "the third fix, two minutes after the first, raises exactly then"),
        ("2025-07-14T02:03:59.999Z", 0, "it arrives a millisecond later"),
        ("2025-07-14T10:04:00+08:00", 1, "the same instant told in Shanghai"),
        ("2025-07-14T01:00:00Z", 0, "before the first row"),
    ],
)
def test_until_is_the_last_instant_judged(here: Path, until: str, judged: int, why: str) -> None:
    summary = json.loads(invoked(*replay_words("--until", until, "--json")).stdout)
    assert summary["alerts"].get("boundary_violation", 0) == judged, why
    assert (summary["rows"], summary["accepted"]) == (20, 20), "later rows are read and counted"
    assert instant_ms(summary["until"]) == instant_ms(until)


@pytest.mark.parametrize("until", ["2025-07-14T02:04:00", "tomorrow", "2025-07-14", ""])
def test_until_needs_an_offset(here: Path, until: str) -> None:
    done = invoked(*replay_words("--until", until))
    assert done.exit_code == 2
    assert "--until" in done.stderr
    assert not (here / "alerts.ndjson").exists()


@pytest.mark.parametrize(
    "wrong", [("--workers", "0"), ("--batch", "0"), ("--batch", "many"), ("--colour", "red"), ("more",)]
)
def test_wrong_usage_ends_with_2(here: Path, wrong: tuple[str, ...]) -> None:
    assert invoked(*replay_words(*wrong)).exit_code == 2
    assert not (here / "alerts.ndjson").exists()


def test_an_option_takes_several_files(here: Path) -> None:
    lines = PINGS.splitlines(keepends=True)
    for number, part in enumerate((lines[::3], lines[1::3], lines[2::3])):
        (here / f"part-{number}.ndjson").write_text("".join(part))
    whole = invoked(*replay_words("--json"))
    alerts = (here / "alerts.ndjson").read_bytes()
    words = [
        "replay",
        "--site",
        "site",
        "--pings",
        "part-0.ndjson",
        "part-1.ndjson",
        "--pings",
        "part-2.ndjson",
    ]
    parts = invoked(*words, "--alerts", "parts.ndjson", "--json")
    assert json.loads(parts.stdout)["rows"] == json.loads(whole.stdout)["rows"] == 20
    assert (here / "parts.ndjson").read_bytes() == alerts


def test_a_place_that_cannot_be_written_is_told(here: Path) -> None:
    done = invoked(*[word.replace("alerts.nd", "missing/alerts.nd") for word in replay_words()])
    assert done.exit_code == 2
    assert "missing/alerts.ndjson" in done.stderr
    assert [path.name for path in here.iterdir() if "writing" in path.name] == []


@pytest.mark.parametrize("command", ["replay", "check"])
def test_a_broken_site_is_told_whole(here: Path, command: str) -> None:
    write_site(here / "site", *BROKEN)
    done = invoked(*(replay_words() if command == "replay" else ["site", "check", "site"]))
    told = done.stderr if command == "replay" else done.stdout
    faults = [line for line in told.splitlines() if not line.startswith(("warning: ", "site: "))]
    assert done.exit_code == 2
    assert sorted(fault.split(":")[0] for fault in faults) == ["fences.geojson", "people.csv", "policy.toml"]
    assert all(word in told for word in ("O7", "colour", "keep_off"))
    assert not (here / "alerts.ndjson").exists()


def test_a_check_for_machines(here: Path) -> None:
    sound = invoked("site", "check", "site", "--json")
    assert (sound.exit_code, json.loads(sound.stdout)["faults"]) == (0, [])
    write_site(here / "site", *BROKEN)
    broken = invoked("site", "check", "site", "--json")
    assert broken.exit_code == 2
    faults = json.loads(broken.stdout)["faults"]
    assert len(faults) == 3
    assert all(list(fault) == ["file", "where", "wrong", "expected"] for fault in faults)


def test_a_site_that_is_not_there(here: Path) -> None:
    done = invoked("site", "check", "nowhere")
    assert done.exit_code == 2
    assert "nowhere" in done.stdout + done.stderr


def test_a_check_warns_of_what_is_odd(here: Path) -> None:
    write_site(here / "site", ("people.csv", "P2,Person 2", "P3,Nobody's,O1,general,,\nP2,Person 2"))
    done = invoked("site", "check", "site")
    assert done.exit_code == 0
    assert [line for line in done.stdout.splitlines() if line.startswith("warning: ") and "P3" in line]


def test_simulated_files_are_replayed_from_another_directory(tmp_path: Path) -> None:
    """Nothing may depend on the directory one stands in; relative paths are of that directory."""
    made = run_forked(
        "simulate", "--scenario", "county", "--people", 8, "--hours", 2, "--seed", 3, "--out", "fleet",
        "--json", cwd=tmp_path,
    )  # fmt: skip
    assert (made.returncode, made.stderr) == (0, "")
    told = json.loads(made.stdout)
    aside = tmp_path / "aside"
    aside.mkdir()
    done = run_forked(
        "replay", "--site", "../fleet/site", "--pings", "../fleet/pings.parquet", "--confirmations",
        "../fleet/confirmations.parquet", "--alerts", "alerts.ndjson", "--json", cwd=aside,
    )  # fmt: skip
    empty = "warning: ../fleet/confirmations.parquet: no rows\n"  # nobody owes one in the first two hours
    assert (done.returncode, done.stderr) == (0, empty)
    summary = json.loads(done.stdout)
    assert summary["rows"] == told["pings"] + told["confirmations"]
    assert (aside / "alerts.ndjson").exists()


def test_no_command_ends_in_a_traceback(tmp_path: Path) -> None:
    """In a process of its own, with threads: a fault met in the middle of a run is one line."""
    case = next(case for case in cases_in(OWN_CASES) if "public-holidays" in case.folder.name)
    line = case.pings[0].read_text().splitlines()[0]
    late = json.loads(line) | {"event_time": "2077-07-01T00:00:00Z", "arrival_time": "2077-07-01T00:00:00Z"}
    (tmp_path / "pings.ndjson").write_text(f"{line}\n{json.dumps(late)}\n")
    done = run_forked(
        "replay",
        "--site",
        case.site,
        "--pings",
        "pings.ndjson",
        "--alerts",
        "a",
        "--workers",
        2,
        cwd=tmp_path,
    )
    assert done.returncode == 2, "no public holidays of those years are known"
    assert "holidays" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "a").exists()


def leaf_commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from leaf_commands(command, (*path, name))
        else:
            yield *path, name


@pytest.mark.parametrize("words", list(leaf_commands(typer.main.get_command(app))), ids=" ".join)
def test_help_shows_an_example(words: tuple[str, ...]) -> None:
    done = invoked(*words, "--help")
    assert done.exit_code == 0
    example = done.stdout.partition("Example: ")[2]
    assert example.startswith(" ".join(["fencewatch", *words])), click.unstyle(done.stdout)


def test_without_words_the_commands_are_listed() -> None:
    done = invoked()
    assert all(name in done.output for name in ("replay", "simulate", "site", "bench"))
