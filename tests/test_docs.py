"""What the documents say is so: commands run, names are those of the code, links and tests exist."""

from __future__ import annotations

import ast
import hashlib
import json
import re
import subprocess
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer
from documents import (
    CHECKOUT,
    READMES,
    Example,
    anchors,
    documents,
    examples,
    first_column,
    links,
    section,
    without_numbers,
)
from forked import run_forked
from typer.testing import CliRunner

from fencewatch import faults
from fencewatch.commands import app
from pipeline.columns import CONFIRMATION_TABLE, PING_TABLE, Column
from pipeline.errors import Fault
from pipeline.reading.rows import REASONS
from pipeline.rules.catalogue import RULES
from pipeline.sites import fences, leaves, offices, people
from pipeline.sites.documents import FILES, POLICIES
from pipeline.sites.findings import Findings
from pipeline.sites.policy import Policy
from pipeline.sites.policy_file import read_policy
from sinks.alert import Alert, EvidenceFix, alert_key, alert_line

FORMATS = (CHECKOUT / "docs" / "formats.md").read_text("utf-8")
ENGLISH, CHINESE = (examples((CHECKOUT / name).read_text("utf-8")) for name in READMES)

#: Commands that belong to a running system: docs/live.md tells of them, and tests/live runs it.
LIVE = (
    "run",
    "serve",
    "clock",
    "operations",
    "backup",
    "token",
    "queue",
    "rejects",
    "login",
    "logout",
    "whoami",
    "audit",
    "data",
)

Done = list[tuple[Example, subprocess.CompletedProcess[str]]]


def commands() -> dict[str, list[str]]:
    """Every command by its full name, with the names of its options and arguments."""
    found: dict[str, list[str]] = {}

    def visit(command: Any, name: str) -> None:
        if below := getattr(command, "commands", None):
            for word, inner in below.items():
                visit(inner, f"{name} {word}".strip())
        else:
            found[name] = [parameter.opts[0] for parameter in command.params]

    visit(typer.main.get_command(app), "")
    return found


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The empty directory of somebody who tries the examples."""
    return tmp_path_factory.mktemp("reader")


@pytest.fixture(scope="module")
def done(reader: Path) -> Done:
    """The README's commands, run in order."""
    return [(e, run_forked(*e.words[1:], *e.added, cwd=reader)) for e in ENGLISH]


def test_the_examples_run_and_print_what_is_shown(done: Done) -> None:
    assert len(done) >= 5
    for example, run in done:
        assert example.words[0] == "fencewatch"
        assert run.returncode == 0, f"{' '.join(example.words)}\n{run.stderr}"
        printed = iter([without_numbers(line) for line in run.stdout.splitlines()])
        for line in example.shown:
            # Numbers may change with the simulation, and the kinds of alert with them; the words may not.
            assert line == "..." or without_numbers(line) in printed, f"not printed: {line}"


def test_the_same_streams_give_the_same_file(done: Done, reader: Path) -> None:
    """As the README says below its second replay."""
    first, again = (reader / "day" / name for name in ("alerts.ndjson", "again.ndjson"))
    assert first.read_bytes() == again.read_bytes() != b""


def test_both_languages_show_the_same_examples() -> None:
    assert ENGLISH == CHINESE


def test_every_command_is_documented_and_its_help_has_an_example() -> None:
    found = commands()
    tried = {example.words[1:3] if example.words[1] == "site" else example.words[1:2] for example in ENGLISH}
    assert set(first_column(section(FORMATS, "## Commands"))) == found.keys()
    for name, parameters in found.items():
        assert sorted(first_column(section(FORMATS, f"### Options of `{name}`"))) == sorted(parameters)
        told = CliRunner().invoke(app, [*name.split(), "--help"])
        assert f"Example: fencewatch {name} " in " ".join(told.output.split()) + " "
        assert name.split()[0] in LIVE or tuple(name.split()) in tried, f"no example of {name} in the README"


ALERT = Alert(
    "k", "silent_device", 4, "P", None, "O", None, None, 0, 0, None, None, None, 1, 0.0, 0.0, 0.0, False, "v",
    (EvidenceFix(0, 0.0, 0.0, None, 0.0, "in"),),
)  # fmt: skip
WRITTEN = json.loads(alert_line(ALERT))


@pytest.mark.parametrize(
    ("heading", "names"),
    [
        ("## A site", [*FILES, f"{POLICIES}/*.toml"]),
        ("### `people.csv`", people.PEOPLE_COLUMNS),
        ("### `devices.csv`", people.DEVICE_COLUMNS),
        ("### `offices.csv`", [*offices.COLUMNS, *offices.VALIDITY]),
        ("### `leaves.csv`", leaves.COLUMNS),
        ("### Rejected rows", REASONS[1:]),  # in the order in which they are looked for
        ("## The alert file", WRITTEN),
        ("### Kinds and severities", [rule.kind for rule in RULES]),
        ("### Alert keys", [rule.kind for rule in RULES]),
    ],
)
def test_names_and_their_order(heading: str, names: Any) -> None:
    listed = first_column(section(FORMATS, heading))
    if heading in ("## A site", "### Kinds and severities", "### Alert keys"):  # no order of the code's
        listed, names = sorted(listed), sorted(names)
    assert listed == list(names)


@pytest.mark.parametrize(
    ("heading", "table"), [("### Pings", PING_TABLE), ("### Confirmations", CONFIRMATION_TABLE)]
)
def test_columns_are_those_of_the_table(heading: str, table: tuple[Column, ...]) -> None:
    rows = [f"| `{column.name}` | {column.meaning} |" for column in table]
    assert re.findall(r"^\| `.*$", section(FORMATS, heading), re.MULTILINE) == rows


def test_names_in_any_order() -> None:
    assert set(first_column(section(FORMATS, "### `fences.geojson`"), 1)) == set(fences.PROPERTIES)
    assert first_column(section(FORMATS, "## The alert file"), 1) == list(WRITTEN["evidence"][0])
    codes = {"0", str(faults.FAILED), str(faults.WRONG_INPUT)}
    assert set(first_column(section(FORMATS, "## Exit codes"))) == codes


def test_the_key_shown_is_that_of_its_array() -> None:
    array, key = re.findall(r"^(\[.*\])\n.*\n-> (\w+)$", section(FORMATS, "### Alert keys"), re.MULTILINE)[0]
    assert alert_key(*json.loads(array)) == key == hashlib.sha256(array.encode()).hexdigest()[:32]


def policy_shown() -> dict[str, Any]:
    block = re.findall(r"<!-- defaults -->\n```toml\n(.*?)```", FORMATS, re.DOTALL)[0]
    return tomllib.loads(block)


def test_the_policy_shown_is_the_default_one(tmp_path: Path) -> None:
    assert policy_of(policy_shown(), tmp_path) == Policy()


def test_every_setting_is_shown(tmp_path: Path) -> None:
    """Where each key that is shown has another value, nothing of the policy keeps its default."""
    changed, default = policy_of(other(policy_shown()), tmp_path), Policy()
    for column in fields(Policy):
        now, then = getattr(changed, column.name), getattr(default, column.name)
        assert now != then, column.name
        if isinstance(then, dict):
            assert [name for name in then if now[name] == then[name]] == []
        elif hasattr(then, "__dataclass_fields__"):
            assert [f.name for f in fields(then) if getattr(now, f.name) == getattr(then, f.name)] == []


def policy_of(table: dict[str, Any], directory: Path) -> Policy:
    """The policy of a table; a key that the code does not know fails."""
    path, findings = directory / "policy.toml", Findings()
    path.write_text("\n".join(toml_lines(table, "")), "utf-8")
    policy = read_policy(path, findings)
    assert (findings.faults, findings.warnings) == ([], [])
    assert policy is not None
    return policy


def toml_lines(table: dict[str, Any], name: str) -> list[str]:
    plain = [f"{key} = {json.dumps(value)}" for key, value in table.items() if not isinstance(value, dict)]
    inner = [(f"{name}.{key}".strip("."), value) for key, value in table.items() if isinstance(value, dict)]
    return [*plain, *(line for path, value in inner for line in (f"[{path}]", *toml_lines(value, path)))]


def other(value: Any) -> Any:
    """Something else of the same type that is sound as well."""
    if isinstance(value, dict):
        return {key: other(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return value[:-1] if isinstance(value[0], str) else [number + 1 for number in value]
    return "Europe/Berlin" if isinstance(value, str) else value + 1


@pytest.mark.parametrize(
    "words",
    [
        "replay --site day/site --pings day/pings.parquet --alerts alerts.ndjson --json",
        "site check day/site --json",
        "simulate --people 20 --hours 1 --out small --json",
    ],
)
def test_json_outputs(words: str, done: Done, reader: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(reader)
    name = words.split(" --")[0].replace(" day/site", "")
    printed = json.loads(CliRunner().invoke(app, words.split()).stdout)
    assert list(printed) == first_column(section(FORMATS, f"### `{name} --json`"))


def test_the_parts_of_a_fault_are_named() -> None:
    line = next(line for line in FORMATS.splitlines() if line.startswith("| `faults` |"))
    assert re.findall(r"`(\w+)`", line)[1:] == [column.name for column in fields(Fault)]


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in links(path.read_text("utf-8")):
        file, _, anchor = target.partition("#")
        there = path.parent / file if file else path
        assert there.exists(), target
        assert not anchor or anchor in anchors(there.read_text("utf-8")), target


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
def test_files_and_tests_that_are_named_exist(path: Path) -> None:
    text = path.read_text("utf-8")
    for file, _, test in re.findall(r"`((?:\w+/)+\w+\.py)(::(\w+))?`", text):
        assert (CHECKOUT / file).is_file(), file
        assert not test or test in functions(CHECKOUT / file), f"{file}::{test}"
    for folder in re.findall(r"`((?:geofences|sinks|pipeline|simulators|tests)/(?:[\w-]+/)*)`", text):
        assert (CHECKOUT / folder).is_dir(), folder


def functions(path: Path) -> set[str]:
    nodes = ast.walk(ast.parse(path.read_text("utf-8")))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef)}


def test_cases_that_are_named_exist() -> None:
    text = (CHECKOUT / "docs" / "semantics.md").read_text("utf-8")
    there = {case.name[:2] for case in (CHECKOUT / "tests" / "cases").iterdir()}
    named = {number for group in re.findall(r"\(cases? ([\d, ]+)\)", text) for number in group.split(", ")}
    assert named <= there
    assert len(named) > 15


def test_every_room_and_what_runs_in_it_is_in_the_architecture() -> None:
    """Each room, and each module of those that a ping passes through, so that the tables stay true."""
    text = (CHECKOUT / "docs" / "architecture.md").read_text("utf-8")
    small = {"__init__", "fix", "growing_columns", "intervals", "reach", "state_code", "store"}
    rooms_of_a_ping = (
        "host", "rules", "stream", "engine", "engine/boundary", "engine/detectors", "correlation", "runtime",
        "upkeep",
    )  # fmt: skip
    modules = [path for room in rooms_of_a_ping for path in (CHECKOUT / "pipeline" / room).glob("*.py")]
    names = sorted(path.relative_to(CHECKOUT).as_posix() for path in modules if path.stem not in small)
    assert [name for name in names if f"`{name}`" not in text] == []
    rooms = [path for path in (CHECKOUT / "pipeline").iterdir() if (path / "__init__.py").is_file()]
    assert [path.name for path in rooms if f"`pipeline/{path.name}/`" not in text] == []
