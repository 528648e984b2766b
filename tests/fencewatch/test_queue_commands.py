"""`fencewatch queue` as an office uses it: a real queue file, the real command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click import unstyle
from disposal_alerts import NOW_MS, OFFICES, alert, brought_to, told
from documents import CHECKOUT, first_column, section
from forked import PIPE, ForkedCommand
from replay.command_line import fencewatch_words, invoked, run_fencewatch, surroundings
from typer.testing import CliRunner

from fencewatch.commands import app
from fencewatch.opened_tokens import opened_tokens
from fencewatch.terminal_user import keep_token
from pipeline.host.clock import SimulatedClock
from sinks.alert import instant_text
from sinks.disposal import LEASE_MS, AlertChange, DisposalQueue, State
from sinks.run_metrics import RunMetrics

SPEED = 60.0
CLAIMANTS = 10
#: Who has a token, and of which office.
WORKERS = {"li": "P", "wu": "C1", "wang": "C1", **{f"officer {n}": "O1" for n in range(CLAIMANTS)}}
KEYS = [alert(n).alert_key for n in range(5)]
FORMATS = (CHECKOUT / "docs" / "formats.md").read_text("utf-8")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory with five alerts of two counties, on a simulated clock, of a site in China."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("FENCEWATCH_TOKEN", raising=False)
    SimulatedClock.make(tmp_path / "clock", NOW_MS, SPEED)
    RunMetrics(at_ms=NOW_MS, timezone="Asia/Shanghai").save(tmp_path / "run-metrics.json")
    with queue_of(tmp_path) as queue:
        queue.set_offices(OFFICES)
        told(queue, 1, 0)
        told(queue, 1, 1, kind="silent_device", severity=4, office_id="O2")
        told(queue, 1, 2, office_id="O3")
        told(queue, 1, 3, withdrawn_ms=NOW_MS)
        told(queue, 1, 4, cleared_ms=NOW_MS)
    with opened_tokens(tmp_path) as tokens:
        texts = {
            name: tokens.create("county", office_id=office, name=name, now_ms=0)
            for name, office in WORKERS.items()
        }
    (tmp_path / "texts.json").write_text(json.dumps(texts), "utf-8")
    keep_token(tmp_path, texts["li"])
    return tmp_path


@contextmanager
def somebody(data: Path, name: str) -> Iterator[None]:
    """Whose token the environment has meanwhile; li's is the one that is kept."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FENCEWATCH_TOKEN", json.loads((data / "texts.json").read_text("utf-8"))[name])
        yield


@contextmanager
def queue_of(data: Path) -> Iterator[DisposalQueue]:
    with DisposalQueue.open(data / "queue.sqlite") as queue:
        yield queue


def done(data: Path, *words: str, code: int = 0) -> Any:
    """What a command prints as JSON."""
    result = invoked("queue", *words, "--data", data, "--json")
    assert result.exit_code == code, result.stderr
    return json.loads(result.stdout) if result.stdout else None


def printed(data: Path, *words: str) -> list[str]:
    """The lines a command prints for people."""
    result = invoked("queue", *words, "--data", data)
    assert result.exit_code == 0, result.stderr
    return [line.rstrip() for line in result.stdout.splitlines()]


@pytest.mark.parametrize(
    ("words", "numbers", "why"),
    [
        ("", [0, 2, 1, 3, 4], "the gravest and oldest open first, then what cleared itself or was withdrawn"),
        ("--state open", [0, 2, 1, 3], "a withdrawn one stays open"),
        ("--state self_cleared --state disposed", [4], "several states may be asked for"),
        ("--kind silent_device", [1], ""),
        ("--kind silent_device --kind zone_entry --severity 2", [0, 2, 3, 4], ""),
        ("--severity 4 --severity 1", [1], ""),
        ("--person P2", [2], ""),
        ("--withdrawn", [3], ""),
        ("--not-withdrawn --state open", [0, 2, 1], ""),
        ("--office C1", [0, 1, 3, 4], "an office stands for those below it"),
        ("--office O2", [1], ""),
        ("--office C2 --state claimed", [], "nothing is no fault"),
    ],
)
def test_a_list_of_what_is_asked_for(data: Path, words: str, numbers: list[int], why: str) -> None:
    told = done(data, "list", *words.split())
    assert [KEYS.index(item["alert_key"]) for item in told["items"]] == numbers, why
    assert (told["next"], told["total"]) == (None, len(numbers))


def test_pages_have_every_alert_once(data: Path) -> None:
    first = done(data, "list", "--limit", "3")
    rest = done(data, "list", "--limit", "3", "--cursor", first["next"])
    keys = [item["alert_key"] for item in first["items"] + rest["items"]]
    assert sorted(keys) == sorted(KEYS)
    assert (first["total"], rest["next"]) == (5, None)
    *_, last = printed(data, "list", "--limit", "3")
    assert last == f"3 of 5 alerts; times in Asia/Shanghai; go on with --cursor {first['next']}"


def test_a_list_for_people(data: Path) -> None:
    head, first, *_, last = printed(data, "list", "--office", "O1")
    assert head.split() == ["key", "severity", "kind", "person", "office", "state", "holder", "raised"]
    raised = "2025-06-14 23:07:40"  # in China, where it is eight hours later than in instant_text
    assert first.split() == [KEYS[0][:10], "2", "zone_entry", "P0", "O1", "open", "-", *raised.split()]
    assert last == "3 of 3 alerts; times in Asia/Shanghai"
    assert printed(data, "list", "--person", "P9") == ["no alerts"]


def test_chinese_cells_keep_the_columns(data: Path) -> None:
    with queue_of(data) as queue:
        told(queue, 2, 2, person_id="张三", office_id="O3")
    rows = printed(data, "list")
    at = {row.encode("gb18030").index(b" O") for row in rows[1:6]}  # two columns each, as on a terminal
    assert len(at) == 1


def test_one_alert_for_people(data: Path) -> None:
    with queue_of(data) as queue:
        brought_to(queue, "disposed", key=KEYS[0], now_ms=NOW_MS)
    lines = printed(data, "show", KEYS[0])
    assert lines[0] == "zone_entry, severity 2: disposed"
    assert lines[1] == "P0 was inside school, where they may not be, from 2025-06-14 23:06:40 on"
    facts = dict(line.split(None, 1) for line in lines[3 : lines.index("", 3)])
    assert facts["outcome"] == "warning “told off”, wang"
    start = lines.index("timeline, times in Asia/Shanghai") + 1
    assert [line.split(None, 2)[2] for line in lines[start:]] == [
        "engine  raised: level 1, severity 2",
        "wang    claimed until 2025-06-15 23:07:40",
        "wang    verified: true",
        "wang    disposed: warning, “told off”",
    ]


def test_an_alert_from_open_to_closed(data: Path) -> None:
    """As JSON: each step answers with the alert as it then stands, timeline included."""
    key = KEYS[0][:6].upper()
    claimed = done(data, "claim", key)
    assert (claimed["state"], claimed["holder"]) == ("claimed", "li")
    assert claimed["lease_until"] == instant_text(NOW_MS + round(LEASE_MS * SPEED)), (
        "half an hour of a person"
    )
    assert done(data, "renew", key)["lease_until"] == claimed["lease_until"], "the clock stands still"
    assert done(data, "release", key)["state"] == "open"
    with somebody(data, "wu"):
        done(data, "claim", key, "--office", "O1")
        assert done(data, "verify", key, "true")["verdict"] == "true"
        said = done(data, "dispose", key, "warning", "--note", "told off")
    assert (said["state"], said["note"], said["disposed_by"]) == ("disposed", "told off", "wu")
    assert [entry["office_id"] for entry in said["timeline"]][-3:] == ["C1"] * 3, (
        "wu's own, not the one looked at"
    )
    closed = done(data, "close", key)
    assert closed == done(data, "show", KEYS[0])
    steps = ["raised", "claimed", "renewed", "released", "claimed", "verified", "disposed", "closed"]
    assert [entry["kind"] for entry in closed["timeline"]] == steps


def test_steps_for_people(data: Path) -> None:
    """One line each: what was done to which alert."""
    until = "2025-06-17 05:06:40"
    for words, expected in (
        (("claim",), f"claimed until {until}"),
        (("renew",), f"renewed until {until}"),
        (("release",), "released"),
        (("claim",), f"claimed until {until}"),
        (("verify", "true"), "verified: true"),
        (
            ("correct", "false", "--reason", "gps_drift", "--because", "seen"),
            "verdict_corrected: true → false, none → gps_drift, “seen”",
        ),
        (("dispose", "false_alarm"), "disposed: false_alarm"),
        (("close",), "closed"),
    ):
        (line,) = printed(data, words[0], KEYS[0], *words[1:])
        assert line == f"zone_entry of P0, {KEYS[0][:10]}: {expected} (times in Asia/Shanghai)"


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        ("wu: claim {0}", 1, "is claimed, held by wang until 2025-06-15 23:07:40 (Asia/Shanghai)"),
        ("wu: release {0}", 1, "is claimed, held by wang"),
        ("wang: dispose {0} warning", 1, "cannot dispose alert {0}: it is claimed, held by wang"),
        ("verify {1} true", 1, "cannot verify alert {1}: it is open"),
        ("close {1}", 1, "it is open"),
        ("claim {0} --office O2", 2, "no alert {0} within O2"),
        ("show 000000", 2, "no alert 000000"),
        ("show abc", 2, "'abc'; expected 6 to 32 hexadecimal digits"),
        ("show {0}0", 2, "expected 6 to 32 hexadecimal digits"),
        ("wang: verify {0} perhaps", 2, "expected one of true, false, unverifiable"),
        ("wang: verify {0} false", 2, "expected why the alert is false: one of gps_drift, "),
        ("wang: correct {0} true --because seen", 1, "cannot correct alert {0}: it is claimed"),
        ("correct {1} true", 2, "because: none given; expected why the verdict is corrected"),
        ("settle", 2, "expected either keys of alerts or --cleared, and not both"),
        ("settle {1} --cleared --reason other", 2, "and not both"),
        ("settle {1}", 2, "expected why the alert is false: one of gps_drift, "),
        ("settle {1} --verdict true --outcome warning", 2, "'warning'; expected one of reminder, "),
        ("settle {1} {0} --reason other", 2, "nothing was settled: 2 alerts want --yes"),
        ("settle --cleared --reason other --yes --office O3", 2, "there is nothing to settle"),
        ("wang: dispose {0} party", 2, "expected one of reminder, "),
        ("list --state half", 2, "--state 'half' is unknown; expected one of open, self_cleared, "),
        ("list --severity 5", 2, "'--severity'"),
        ("list --cursor x", 2, "cursor: 'x'; expected the `next` of an earlier page"),
        ("list --office O9", 2, "--office 'O9' is unknown; expected one of C1, C2, O1, O2, O3, P"),
        ("watch --after 99", 2, "--after 99: the queue has no such entry; expected a number up to "),
    ],
)
def test_what_is_refused_and_how(data: Path, words: str, code: int, line: str) -> None:
    """2: could never be right; 1: the alert's state or its holder stands in the way."""
    with queue_of(data) as queue:
        brought_to(queue, "claimed", key=KEYS[0], now_ms=NOW_MS)
        before = queue.last_seq()
    name, _, command = words.rpartition(": ")
    with somebody(data, name or "li"):
        result = invoked("queue", *command.format(*KEYS).split(), "--data", data)
    said = unstyle(result.stderr)
    assert (result.exit_code, result.stdout) == (code, "")
    assert line.format(*KEYS) in " ".join(said.replace("│", " ").split())
    if code == 1:
        assert len(said.splitlines()) == 1
    with queue_of(data) as queue:
        assert queue.last_seq() == before


def test_a_beginning_of_several_keys_names_them(data: Path) -> None:
    twins = [f"abcdef{n:026x}" for n in range(2)]
    with queue_of(data) as queue:
        for n, key in enumerate(twins):
            told(queue, 1, 20 + n, alert_key=key, office_id=f"O{1 + n}")
    result = invoked("queue", "show", "abcdef", "--data", data)
    assert result.exit_code == 2
    assert result.stderr.strip().endswith(f"({', '.join(twins)}); expected more digits")
    assert done(data, "show", "abcdef", "--office", "O2")["alert_key"] == twins[1], "only one is theirs"


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        (None, 2, "there is no queue; expected the data directory of a running system"),
        (b"this is no database" * 100, 1, "the queue cannot be used: "),
    ],
)
def test_no_queue_and_no_queue_at_all(tmp_path: Path, content: bytes | None, code: int, line: str) -> None:
    if content is not None:
        (tmp_path / "queue.sqlite").write_bytes(content)
    result = invoked("queue", "stats", "--data", tmp_path)
    assert result.exit_code == code
    assert line in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_figures(data: Path) -> None:
    with queue_of(data) as queue:
        expected = queue.stats(now_ms=NOW_MS, office="C1")
    told = done(data, "stats", "--office", "C1")
    assert told["waiting"] == expected.waiting == 4
    assert told["by_kind"]["zone_entry"] == {
        state: int(state in ("open", "self_cleared")) for state in State
    } | {"open": 2}
    assert told["oldest_open_age_s"] == (NOW_MS - alert(0).raised_ms) / 1000
    lines = printed(data, "stats", "--office", "C1")
    assert [line.split() for line in lines[:4]] == [
        ["kind", *State, "all"],
        ["silent_device", "1", "0", "0", "0", "0", "0", "1"],
        ["zone_entry", "2", "1", "0", "0", "0", "0", "3"],
        ["all", "3", "1", "0", "0", "0", "0", "4"],
    ]
    assert lines[-1] == "4 waiting for somebody; the oldest has been open for 23 h 59 min"


def test_settling(data: Path) -> None:
    """One in a step; of several only those that cleared themselves, each told of."""
    said = done(data, "settle", KEYS[0], "--reason", "duplicate")
    assert (said["settled"], [item["status"] for item in said["items"]]) == (1, [200])
    shown = printed(data, "show", KEYS[0])
    assert any("verified: false, “duplicate”, in one step" in line for line in shown)
    with queue_of(data) as queue:
        told(queue, 99, 1, cleared_ms=NOW_MS)
        told(queue, 99, 2, cleared_ms=NOW_MS)
        told(queue, 99, 3)
    result = invoked("queue", "settle", *KEYS[1:4], "--reason", "other", "--yes", "--data", data)
    assert result.exit_code == 1
    assert f"{KEYS[3][:10]}  cannot settle together with others alert {KEYS[3]}: it is open" in result.stdout
    assert result.stdout.splitlines()[-1] == "2 of 3 settled"
    with queue_of(data) as queue:
        states = [queue.alert(key, now_ms=NOW_MS).state for key in KEYS[1:4]]
    assert states == ["closed", "closed", "open"]


def test_times_are_in_utc_where_no_engine_told_of_a_zone(data: Path) -> None:
    (data / "run-metrics.json").unlink()
    assert printed(data, "list")[-1] == "5 of 5 alerts; times in UTC"
    assert "2025-06-14 15:06:40 on" in printed(data, "show", KEYS[0])[1]


def test_what_people_wrote_does_not_reach_the_terminal_as_orders(data: Path) -> None:
    with queue_of(data) as queue:  # a name that no token has today
        act: dict[str, Any] = {"actor": "li\x1b]0;x\x07", "office": None, "now_ms": NOW_MS}
        queue.claim(KEYS[0], **act)
        queue.verify(KEYS[0], **act, verdict="true", reason="a\nb\x1b[2J")
    shown = invoked("queue", "show", KEYS[0], "--data", data).stdout
    assert "“a b [2J”" in shown
    assert not {"\x1b", "\x07"} & set(shown)


def test_watching(data: Path) -> None:
    """What came before is told at once; an office hears of its own alone."""
    with queue_of(data) as queue:
        brought_to(queue, "claimed", key=KEYS[0], now_ms=NOW_MS)
        everything = queue.watch(0)
    words = ("watch", "--after", "0", "--for", "0")
    lines = printed(data, *words, "--office", "O1")
    assert (
        lines[0]
        == f"2025-06-14 23:07:40  {KEYS[0][:10]}  2  zone_entry  P0  engine: raised: level 1, severity 2"
    )
    assert lines[-1].endswith("P0  wang: claimed until 2025-06-15 23:07:40")
    result = invoked("queue", *words, "--data", data, "--json")
    assert [json.loads(line)["seq"] for line in result.stdout.splitlines()] == [
        entry.seq for entry in everything
    ]
    own = [KEYS[n] for n in (0, 3, 4)]
    assert len(lines) == sum(entry.alert_key in own for entry in everything)
    assert result.stderr == "watching from entry 0 on; times in Asia/Shanghai\n"


def said_of(process: ForkedCommand) -> str:
    """What it complains of, to its end."""
    assert process.stderr is not None
    with process.stderr as said:
        return said.read()


@pytest.mark.parametrize("how", ["interrupted", "reader gone"])
def test_a_watcher_ends_without_a_trace(data: Path, how: str) -> None:
    with ForkedCommand("queue", "watch", "--data", data, "--json", stdout=PIPE, stderr=PIPE) as watcher:
        assert watcher.stdout is not None
        assert watcher.stderr is not None
        watcher.stderr.readline()  # it has begun
        with queue_of(data) as queue:
            told(queue, 1, 30)
        assert json.loads(watcher.stdout.readline())["kind"] == "raised"
        if how == "interrupted":
            watcher.send_signal(signal.SIGINT)
        else:
            watcher.stdout.close()
        assert watcher.wait(30) == 0
        assert watcher.stderr.read() == ""


def test_a_reader_who_leaves_a_long_list_early(data: Path) -> None:
    with queue_of(data) as queue:
        queue.apply([AlertChange(alert(n), 1) for n in range(100, 1100)])
    words = ("queue", "list", "--limit", "500", "--json", "--data", data)
    with ForkedCommand(*words, stdout=PIPE, stderr=PIPE) as lister:
        assert lister.stdout is not None
        assert lister.stderr is not None
        lister.stdout.close()
        assert lister.stderr.read() == ""
        assert lister.wait(30) == 0


def test_of_ten_processes_that_claim_at_once_one_wins(data: Path) -> None:
    texts = json.loads((data / "texts.json").read_text("utf-8"))
    processes = [
        ForkedCommand(
            "queue", "claim", KEYS[0], "--data", data,
            environment={**surroundings(), "FENCEWATCH_TOKEN": texts[f"officer {n}"]},
            stdout=subprocess.DEVNULL, stderr=PIPE,
        )
        for n in range(CLAIMANTS)
    ]  # fmt: skip
    ends = [(said_of(process), process.wait(280)) for process in processes]
    codes = [code for _, code in ends]
    assert sorted(codes) == [0] + [1] * (CLAIMANTS - 1)
    winner = f"officer {codes.index(0)}"
    assert {err.splitlines()[0].split(": ", 1)[1] for err, code in ends if code} == {
        f"it is claimed, held by {winner} until 2025-06-17 05:06:40 (Asia/Shanghai)"
    }
    with queue_of(data) as queue:
        item = queue.alert(KEYS[0], now_ms=NOW_MS)
    assert (item.holder, [entry.kind for entry in item.timeline]) == (winner, ["raised", "claimed"])


def test_a_lease_lapses_by_the_directorys_clock(data: Path) -> None:
    done(data, "claim", KEYS[0])
    clock = SimulatedClock(data / "clock", settable=True)
    clock.set(NOW_MS + round(LEASE_MS * SPEED) - 1)
    with somebody(data, "wu"):
        assert invoked("queue", "claim", KEYS[0], "--data", data).exit_code == 1
    clock.set(NOW_MS + round(LEASE_MS * SPEED))
    with somebody(data, "wu"):
        assert done(data, "claim", KEYS[0])["holder"] == "wu"


def test_the_states_there_are_stand_in_the_help() -> None:
    help_text = " ".join(unstyle(CliRunner().invoke(app, ["queue", "list", "--help"]).output).split())
    assert f"{', '.join(list(State)[:-1])} or {State.CLOSED}" in help_text


def test_the_json_is_as_documented(data: Path) -> None:
    documented = {
        name: first_column(section(FORMATS, f"### `queue {name} --json`"))
        for name in ("list", "show", "watch", "stats")
    }
    shown = done(data, "show", KEYS[0])
    alert_file = first_column(section(FORMATS, "## The alert file"))
    assert list(done(data, "list")) == documented["list"]
    assert list(shown) == alert_file + documented["show"]
    assert list(shown["timeline"][0]) == documented["watch"]
    assert list(done(data, "stats")) == documented["stats"]


@pytest.mark.parametrize(
    "words", ["--help", "simulate --help", "queue claim --help", "replay --help"], ids=lambda words: words
)
def test_other_commands_do_not_wait_for_the_database(words: str) -> None:
    """SQLAlchemy and what comes with it take half a second that only the queue needs."""
    code = (
        "import sys; sys.argv[1:] = sys.argv[1].split()\n"
        "from fencewatch.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print({'sqlalchemy', 'alembic', 'fastapi'} & set(sys.modules), file=sys.stderr)"
    )
    words_of = [*fencewatch_words()[:2], "-c", code, words]
    run = subprocess.run(words_of, env=surroundings(), capture_output=True, text=True, timeout=60, cwd=os.sep)
    assert run.stderr.strip() == "set()"
    assert "Usage" in run.stdout


def test_the_whole_way_in_a_process_of_its_own(data: Path) -> None:
    """The real command, typed in the data directory's parent."""
    run = run_fencewatch("queue", "show", KEYS[1][:8], "--data", data, cwd=data.parent)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith(
        "silent_device, severity 4: open\nnothing was heard of D1, which P1 carries, after"
    )
