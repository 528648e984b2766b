"""`fencewatch audit`: chains verified, listed for those who may, and exported for somebody else to verify."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from disposal_alerts import OFFICES, alert, brought_to, told
from documents import CHECKOUT, first_column, section
from minimal_site import write_site
from replay.command_line import invoked

from fencewatch.opened_tokens import opened_tokens
from sinks.access_log import Access, AccessLog, Look
from sinks.disposal import DisposalQueue
from sinks.sqlite import sqlite3

FORMATS = (CHECKOUT / "docs" / "formats.md").read_text("utf-8")
LOOK = Access(1, "li", "officer", "O1", "P1", 10, 20, "about Person 1")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Looks of two counties and of a device that was refused; an alert that somebody claimed."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("FENCEWATCH_TOKEN", raising=False)
    data = tmp_path / "data"
    data.mkdir()
    with DisposalQueue.open(data / "queue.sqlite") as queue:
        queue.set_offices(OFFICES)
        told(queue, 1)
        brought_to(queue, "claimed", key=alert(0).alert_key)
    log = AccessLog.open(data / "accesses.sqlite")
    log.record(LOOK)
    log.record(replace(LOOK, actor="wu", office_id="O3", person_id="P3"))
    log.record(
        Access(2, "D1", "device", None, None, None, None, None, kind=Look.REFUSED, route="GET /x", answer=403)
    )
    log.close()
    return data


def said(data: Path, *words: str | Path, code: int = 0) -> str:
    result = invoked("audit", *words, "--data", data)
    assert result.exit_code == code, result.stderr
    return result.stderr if code == 2 else result.stdout


def as_somebody(data: Path, monkeypatch: pytest.MonkeyPatch, role: str, office: str | None) -> None:
    with opened_tokens(data) as tokens:
        monkeypatch.setenv("FENCEWATCH_TOKEN", tokens.create(role, office_id=office, now_ms=1))


def tampered(path: Path, *statements: str) -> None:
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def test_whole_chains_and_what_to_keep_of_them(data: Path) -> None:
    lines = said(data, "verify").splitlines()
    assert [line.partition(",")[0] for line in lines[::2]] == ["accesses: 3 records", "timeline: 2 records"]
    kept = [line.removeprefix("  keep: ") for line in lines[1::2]]
    assert said(data, "verify", "--head", kept[0], "--head", kept[1]).splitlines() == lines
    told_json = json.loads(said(data, "verify", "--json"))["chains"]
    assert [one["head"] for one in told_json] == kept
    assert list(told_json[0]) == first_column(section(FORMATS, "### `audit verify --json`"))


@pytest.mark.parametrize(
    ("file", "statements", "line"),
    [
        (
            "accesses.sqlite",
            ["DROP TRIGGER look_is_not_changed", "UPDATE looks SET purpose = 'x' WHERE access_id = 2"],
            "accesses: record 2 is not as it was written",
        ),
        (
            "accesses.sqlite",
            ["DROP TRIGGER look_is_not_removed", "DELETE FROM looks WHERE access_id = 1"],
            "accesses: record 1 is missing, or its number was changed",
        ),
        (
            "queue.sqlite",
            ["UPDATE event SET actor = 'somebody' WHERE seq = 2"],
            "timeline: record 2 is not as it was written",
        ),
    ],
)
def test_what_was_changed_is_named(data: Path, file: str, statements: list[str], line: str) -> None:
    tampered(data / file, *statements)
    assert line in said(data, "verify", code=1).splitlines()


def test_a_tail_cut_off_with_its_head_is_found_by_what_was_kept(data: Path) -> None:
    kept = json.loads(said(data, "verify", "--json"))["chains"][0]["head"]
    tampered(
        data / "accesses.sqlite",
        "DROP TRIGGER look_is_not_removed",
        "DELETE FROM looks WHERE access_id = 3",
        "UPDATE looks_head SET number = 2, link = (SELECT link FROM looks WHERE access_id = 2)",
    )
    said(data, "verify")  # in itself it is whole
    assert "accesses: record 3 is missing: the chain reached to 3" in said(
        data, "verify", "--head", kept, code=1
    )


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("verify", "--head", "timeline:2"), "expected one as `audit verify` prints it"),
        (("verify", "--head", "other:2:" + "0" * 64), "expected one as"),
    ],
)
def test_what_is_refused(data: Path, words: tuple[str, ...], line: str) -> None:
    assert line in said(data, *words, code=2)


def test_no_data_directory(tmp_path: Path) -> None:
    assert "is not there; expected the data directory" in said(tmp_path, "verify", code=2)
    assert list(tmp_path.iterdir()) == [], "nothing is made by looking"


@pytest.mark.parametrize(
    ("role", "office", "actors"),
    [
        (None, None, ["li", "wu", "D1"]),
        ("county", "C1", ["li"]),
        ("prosecutor", "P", ["li", "wu"]),
        ("officer", "O1", None),
        ("operator", None, None),
    ],
)
def test_who_may_list(
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    role: str | None,
    office: str | None,
    actors: list[str] | None,
) -> None:
    """Looks by people of their own offices; that somebody asked is the last record then."""
    if role is not None:
        as_somebody(data, monkeypatch, role, office)
    if actors is None:
        assert "may not see who looked at whom" in said(data, "list", code=2)
        return
    found = json.loads(said(data, "list", "--json"))["items"]
    assert [look["actor"] for look in found if look["kind"] != "audit"] == actors
    assert found[-1]["kind"] == "audit"
    assert list(found[0]) == first_column(section(FORMATS, "### `audit list --json`"))
    assert "about Person 1" in said(data, "list", "--person", "P1") or role == "prosecutor"


def test_a_prosecutor_reads_purposes_without_names(
    data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "site").mkdir()
    write_site(tmp_path / "site")
    config = tmp_path / "fencewatch.toml"
    config.write_text('site = "site"\ndata = "data"\n', "utf-8")
    as_somebody(data, monkeypatch, "prosecutor", "C1")

    def purposes(*more: str | Path) -> list[str | None]:
        return [look["purpose"] for look in json.loads(said(data, "list", *more, "--json"))["items"]]

    assert purposes()[0] == "[withheld]"
    assert purposes("--config", config)[0] == "about ***"


def test_an_export_is_verified_by_what_formats_says_of_it(data: Path, tmp_path: Path) -> None:
    """Not by our own code: by the recipe of the document."""
    out = tmp_path / "audit.ndjson"
    said(data, "export", "--out", out)
    assert out.stat().st_mode & 0o777 == 0o600
    link, heads = bytes(32), {}
    for line in map(json.loads, out.read_text("utf-8").splitlines()):
        if "head" in line:
            heads[line["chain"]] = line["head"]
            assert line["head"].partition(":")[2] == link.hex()
            link = bytes(32)
            continue
        text = json.dumps(line["fields"], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        digest = hashlib.sha256(bytes.fromhex(line["salt"]) + text.encode()).digest()
        link = hashlib.sha256(link + digest).digest()
        assert line["link"] == link.hex()
    verified: list[dict[str, Any]] = json.loads(said(data, "verify", "--json"))["chains"]
    assert {one["chain"]: one["head"].partition(":")[2] for one in verified} == heads
    assert "is there already" in said(data, "export", "--out", out, code=2)


def test_only_the_machines_operator_exports(
    data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    as_somebody(data, monkeypatch, "county", "P")
    assert "only the operator of the machine" in said(data, "export", "--out", tmp_path / "x", code=2)
    assert not (tmp_path / "x").exists()
