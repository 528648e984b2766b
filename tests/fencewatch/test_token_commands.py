"""`fencewatch token` as an operator uses it: a real file of tokens, the real command line."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from documents import CHECKOUT, first_column, section
from minimal_site import write_site
from replay.command_line import invoked

from fencewatch.opened_tokens import opened_tokens
from geofences.instant import instant_ms
from pipeline.host.clock import system_now_ms
from pipeline.registry.registry import REGISTRY, Registry
from pipeline.sites.changes import resolved
from pipeline.sites.edits import edited
from pipeline.sites.load import load_documents
from pipeline.sites.site_versions import IndexedSite
from pipeline.upkeep.store import Store
from pipeline.upkeep.stores import adopt
from sinks.disposal import DisposalQueue

FORMATS = (CHECKOUT / "docs" / "formats.md").read_text("utf-8")
DAY_MS = 86_400_000


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The configuration of a small site, beside it."""
    (tmp_path / "site").mkdir()
    write_site(tmp_path / "site")
    path = tmp_path / "fencewatch.toml"
    path.write_text('site = "site"\ndata = "data"\n', "utf-8")
    return path


def created(*words: str | Path) -> dict[str, Any]:
    result = invoked("token", "create", *words, "--json")
    assert result.exit_code == 0, result.stderr
    return dict(json.loads(result.stdout))


def refused(*words: str | Path) -> str:
    """What a command is refused with, as wrong input."""
    result = invoked("token", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    return " ".join(result.stderr.split())


def listed(data: Path) -> list[dict[str, Any]]:
    return list(json.loads(invoked("token", "list", "--data", data, "--json").stdout)["items"])


def test_a_token_from_made_to_revoked(data: Path) -> None:
    token = created("--role", "officer", "--office", "O1", "--name", "李敏", "--data", data)["token"]
    created("--role", "operator", "--name", "fleet", "--data", data)
    assert [(row["name"], row["state"]) for row in listed(data)] == [
        ("fleet", "in force"),
        ("李敏", "in force"),
    ]
    assert invoked("token", "revoke", "李敏", "--data", data).stdout == "李敏: revoked\n"
    assert [(row["name"], row["state"]) for row in listed(data)] == [
        ("fleet", "in force"),
        ("李敏", "revoked"),
    ]
    with opened_tokens(data) as tokens:
        assert tokens.lookup(token, now_ms=system_now_ms()) is None
    assert "'李敏': no token of that name counts; expected fleet" in refused("revoke", "李敏", "--data", data)


def test_a_list_tells_no_text_of_a_token(data: Path) -> None:
    token = created("--role", "officer", "--office", "O1", "--name", "li", "--data", data)["token"]
    for more in ((), ("--json",)):
        said = invoked("token", "list", "--data", data, *more).stdout
        assert "li" in said
        assert token not in said
    lines = invoked("token", "list", "--data", data).stdout.splitlines()
    assert lines[0].split() == ["name", "role", "for", "state", "expires", "created"]
    assert lines[1].split()[:6] == ["li", "officer", "O1", "in", "force", "never"]
    assert lines[-1] == "times in UTC"


def test_the_list_is_as_documented(data: Path) -> None:
    created("--role", "operator", "--data", data)
    assert list(listed(data)[0]) == first_column(section(FORMATS, "### `token list --json`"))


@pytest.mark.parametrize(
    ("text", "lasts_ms"),
    [("90d", 90 * DAY_MS), ("12h", DAY_MS // 2), ("30m", 1_800_000)],
)
def test_a_span(data: Path, text: str, lasts_ms: int) -> None:
    before_ms = system_now_ms()
    told = created("--role", "operator", "--expires", text, "--data", data)["expires_at"]
    assert before_ms + lasts_ms <= instant_ms(told) <= system_now_ms() + lasts_ms


@pytest.mark.parametrize(
    ("text", "expected", "why"),
    [
        ("2099-06-30", "2099-06-30T16:00:00.000Z", "through that day, in the site's time zone"),
        ("2099-06-30T08:00:00+08:00", "2099-06-30T00:00:00.000Z", "an instant"),
    ],
)
def test_a_day_and_an_instant(config: Path, text: str, expected: str, why: str) -> None:
    told = created("--role", "operator", "--expires", text, "--config", config)
    assert told["expires_at"] == expected, why


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("--role officer --office O9", "--office 'O9' is unknown; expected one of C1, O1"),
        ("--role device --device D9", "--device 'D9' is unknown; expected one of D1"),
        ("--role boss", "role: 'boss'; expected one of officer, county, prosecutor, operator, device"),
        ("--role operator --expires soon", "--expires 'soon'; expected a span such as 90d"),
        ("--role operator --expires 2000-01-01", "expected a time to come"),
        ("--role operator --expires 0d", "expected a time to come"),
        ("--role operator --expires 999999d", "within a hundred years"),
        ("--role operator --expires 99999999999999999999d", "within a hundred years"),
        ("--role operator --expires 2099-02-30", "--expires '2099-02-30'; expected a span"),
        ("--role operator --expires 2099-06-30T08:00:00", "expected a span"),
        ("--role operator --name operator:root@x", "does not begin with 'operator:'"),
        ("--role operator --data elsewhere", "expected one of the two"),
    ],
)
def test_what_is_refused(config: Path, words: str, line: str) -> None:
    assert line in refused("create", *words.split(), "--config", config)
    assert not list(config.parent.glob("elsewhere"))


def test_offices_are_known_from_a_system_that_ran(data: Path) -> None:
    result = invoked("token", "create", "--role", "officer", "--office", "O9", "--data", data)
    assert (result.exit_code, result.stderr) == (
        0,
        "warning: --office 'O9' could not be checked: give --config\n",
    )
    with DisposalQueue.open(data / "queue.sqlite") as queue:
        queue.set_offices({"C1": None, "O1": "C1"})
    said = refused("create", "--role", "officer", "--office", "O9", "--data", data)
    assert "--office 'O9' is unknown; expected one of C1, O1" in said


def test_a_running_site_says_what_there_is(config: Path, data: Path) -> None:
    """The registry, not the directory that it once came from: an office and a device were put in since."""
    documents = load_documents(config.parent / "site")
    office = {"office_id": "O7", "parent_id": "C1", "name": "New", "level": "judicial_office"}
    device = {"device_id": "D7", "person_id": "P1", "kind": "phone"}
    operations = [
        {"op": "put", "table": table, "row": row} for table, row in (("offices", office), ("devices", device))
    ]
    data.mkdir()
    with closing(Registry.open(data / REGISTRY)) as registry:
        edits = resolved(IndexedSite(documents), operations, 0).edits
        registry.begin(edited(documents, edits), record=0, at_ms=0, source="site")
    adopt(data, [Store.REGISTRY])
    for words in (("officer", "--office", "O7"), ("device", "--device", "D7"), ("device", "--device", "D1")):
        for where in (("--data", data), ("--config", config)):
            assert created("--role", *words, *where)["token"]
    told = refused("create", "--role", "device", "--device", "D9", "--data", data)
    assert "--device 'D9' is unknown; expected one that the site has" in told
    told = refused("create", "--role", "officer", "--office", "O9", "--data", data)
    assert "--office 'O9' is unknown; expected one of C1, O1, O7" in told
    told = created("--role", "operator", "--expires", "2099-06-30", "--data", data)["expires_at"]
    assert told == "2099-06-30T16:00:00.000Z", "in the site's time zone"
