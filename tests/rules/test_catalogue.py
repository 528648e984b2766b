"""The catalogue of rules is the one list of them, and what it names is there."""

from __future__ import annotations

import ast
import re
import string
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from documents import CHECKOUT, section

from console.parts import WEB
from pipeline.columns import CONFIRMATION_COLUMNS, PING_COLUMNS
from pipeline.engine.detectors import DETECTORS
from pipeline.rules.catalogue import LOG_GAP, RULES
from pipeline.rules.rule import Rule

SHIPPED = ("geofences", "sinks", "pipeline", "simulators", "console", "fencewatch", "benchmarks")
FORMATS = (CHECKOUT / "docs" / "formats.md").read_text("utf-8")
#: What the terminal gives each sentence (``fencewatch/queue_views.py``).
OF_THE_TERMINAL = {"kind", "person", "fence", "device", "onset", "distance", "level"}


def blanks(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def blanks_of_the_page() -> set[str]:
    body = re.findall(
        r"function blanksOf\(.*?return \{(.*?)\n  \};", (WEB / "sentence.js").read_text("utf-8"), re.DOTALL
    )
    return set(re.findall(r"^    (\w+):", body[0], re.MULTILINE))


def table(heading: str) -> dict[str, list[str]]:
    """The rows of a section's first table by their first cell, without the quotes of code."""
    lines = [line for line in section(FORMATS, heading).splitlines() if line.startswith("| `")]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {row[0].strip("`"): row[1:] for row in rows}


def code(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def test_a_kind_stands_in_the_catalogue_and_nowhere_else() -> None:
    """Whoever needs one takes it from there, so that a new rule is in no list of which it can be missing."""
    kinds = {rule.kind for rule in RULES}
    found = []
    for path in sorted(path for top in SHIPPED for path in (CHECKOUT / top).rglob("*.py")):
        texts = (n.value for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Constant))
        found += [f"{path.name}: {text}" for text in texts if text in kinds and path.name != "catalogue.py"]
    for script in WEB.glob("*.js"):
        found += [f"{script.name}: {kind}" for kind in kinds if re.search(kind, script.read_text("utf-8"))]
    assert found == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.kind)
def test_a_rule_is_whole(rule: Rule) -> None:
    page, shown = blanks_of_the_page(), OF_THE_TERMINAL
    assert len(page) > 10
    for text in (rule.sentence.zh, rule.sentence.en):
        assert blanks(text) <= page, text
    assert blanks(rule.terminal) <= shown
    assert set(rule.columns) <= PING_COLUMNS.keys() | CONFIRMATION_COLUMNS.keys()
    assert rule.severities
    assert all(1 <= severity <= 4 for severity in rule.severities)
    assert all((rule.name.zh, rule.name.en, rule.sentence.zh, rule.sentence.en, rule.over_when))
    policy = tomllib.loads(re.findall(r"<!-- defaults -->\n```toml\n(.*?)```", FORMATS, re.DOTALL)[0])
    for key in rule.policy:
        part: Any = policy
        for name in key.split("."):
            assert name in part, key
            part = part[name]


def test_names_differ() -> None:
    """An officer who filters by a name gets one kind."""
    for names in ([r.kind for r in RULES], [r.name.zh for r in RULES], [r.name.en for r in RULES]):
        assert [name for name, times in Counter(names).items() if times > 1] == []


def test_the_documents_say_what_the_catalogue_says() -> None:
    expected = {
        rule.kind: [
            ", ".join(map(str, rule.severities)) + (" by level" if len(rule.severities) > 1 else ""),
            rule.raised_for,
            rule.over_when,
            code(rule.columns),
            code(rule.policy),
        ]
        for rule in RULES
    }
    assert table("### Kinds and severities") == expected
    for kind, (subject, scope) in table("### Alert keys").items():
        (rule,) = (rule for rule in RULES if rule.kind == kind)
        assert (subject.strip("`"), scope.strip("`")) == (rule.subject.value, rule.scope.value)


def test_detectors_have_names_of_their_own_in_a_checkpoint() -> None:
    names = [detector.NAME for detector in DETECTORS]
    assert len(set(names)) == len(names)
    assert not {"past_ms", "log", "patrol"} & set(names)


def test_only_the_log_gap_is_about_nobody() -> None:
    assert [rule for rule in RULES if rule.subject.value == "log"] == [LOG_GAP]


def test_the_catalogue_is_light() -> None:
    """The page's server and every command read it, and none of them should load the engine for it."""
    modules = (CHECKOUT / "pipeline" / "rules").glob("*.py")
    imported = {
        name
        for path in modules
        for node in ast.walk(ast.parse(Path(path).read_text("utf-8")))
        if isinstance(node, ast.ImportFrom)
        for name in [node.module or ""]
    }
    assert {name for name in imported if not name.startswith("pipeline.rules")} <= {
        "__future__",
        "dataclasses",
        "enum",
    }
