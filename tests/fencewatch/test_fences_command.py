"""`fencewatch site fences`: what is here, of files and of a running site, and to each only what is theirs."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from changing_world import DEVICES, FENCES, LEAVES, OFFICES, PEOPLE
from minimal_site import WHOLE, write_site
from replay.command_line import invoked

from fencewatch.opened_tokens import opened_tokens
from fencewatch.terminal_user import VARIABLE
from pipeline.host.clock import system_now_ms
from pipeline.registry.registry import REGISTRY, Registry
from pipeline.sites.load import load_documents
from pipeline.upkeep.store import Store
from pipeline.upkeep.stores import adopt

HERE = ("--at", "106.5,29.5")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    tables = (("offices", OFFICES), ("people", PEOPLE), ("devices", DEVICES), ("leaves", LEAVES))
    (tmp_path / "site").mkdir()
    files = [(f"{name}.csv", WHOLE, text) for name, text in tables]
    return write_site(tmp_path / "site", *files, ("fences.geojson", WHOLE, FENCES))


@pytest.fixture
def data(tmp_path: Path, site: Path) -> Path:
    data = tmp_path / "data"
    data.mkdir()
    with closing(Registry.open(data / REGISTRY)) as registry:
        registry.begin(load_documents(site), record=0, at_ms=0, source="site")
    adopt(data, [Store.REGISTRY])
    return data


def told(*words: str | Path) -> list[dict[str, Any]]:
    result = invoked("site", "fences", *words, "--json")
    assert result.exit_code == 0, result.stderr
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


def test_of_files(site: Path) -> None:
    found = told(site, "--at", "106.5,29.51")
    assert [one["fence_id"] for one in found] == ["all", "both", "home-1", "home-2"]
    assert {one["distance_m"] for one in found} == {-891.6}
    assert told(site, "--at", "0,0") == []
    assert [one["distance_m"] for one in told(site, "--bbox", "106,29,107,30")] == [None] * 4
    assert told(site, *HERE, "--time", "1999-01-01T00:00:00Z") != []


@pytest.mark.parametrize(
    ("who", "wanted"),
    [
        ("operator of the machine", {"all": "Everybody's", "both": "Market", "home-1": "Home of Person One",
                                     "home-2": "Home of Person Two"}),
        ("officer", {"all": "Everybody's", "both": "Market", "home-1": "Home of Person One"}),
        ("prosecutor", {"all": "Everybody's", "both": None, "home-1": None}),
    ],
)  # fmt: skip
def test_of_a_running_site(
    data: Path, monkeypatch: pytest.MonkeyPatch, who: str, wanted: dict[str, str | None]
) -> None:
    if who in ("officer", "prosecutor"):
        with opened_tokens(data) as tokens:
            monkeypatch.setenv(VARIABLE, tokens.create(who, now_ms=system_now_ms(), office_id="O1"))
    found = told(*HERE, "--data", data)
    assert {one["fence_id"]: one["name"] for one in found} == wanted
    if who == "officer":
        assert [one["applies_to"] for one in found if one["fence_id"] == "both"] == [["person:P1"]]


def test_for_people(site: Path) -> None:
    said = invoked("site", "fences", site, "--at", "106.5,29.51").stdout.splitlines()
    assert said[0].split() == ["fence", "distance_m", "rule", "for", "name"]
    assert said[1].split() == ["all", "-891.6", "keep_in", "all", "Everybody's"]
    assert invoked("site", "fences", site, "--at", "0,0").stdout == "no fence of yours is here\n"


# What cannot be asked, and what is said of it.
WRONG: list[tuple[tuple[str, ...], str]] = [
    ((), "give one of --at"),
    (("--at", "1,2", "--bbox", "1,2,3,4"), "give one of --at"),
    (("--at", "1;2"), "expected 2 numbers"),
    (("--at", "200,2"), "expected degrees"),
    (("--at", "1,2", "--reach-m", "-5"), "expected degrees"),
    (("--bbox", "1,2,3"), "expected 4 numbers"),
    (("--bbox", "1,5,3,4"), "south <= north"),
    (("--at", "1,2", "--time", "noon"), "expected a time"),
]


@pytest.mark.parametrize(("words", "told"), WRONG)
def test_wrong_questions(site: Path, words: tuple[str, ...], told: str) -> None:
    result = invoked("site", "fences", site, *words)
    assert result.exit_code == 2
    assert told in result.stderr
    assert "Traceback" not in result.stderr


def test_a_directory_without_a_site(tmp_path: Path) -> None:
    result = invoked("site", "fences", *HERE, "--data", tmp_path)
    assert result.exit_code == 2
    assert "holds no site" in result.stderr
    assert list(tmp_path.iterdir()) == [], "nothing was made by asking"


def test_a_device_s_token_sees_no_fences(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened_tokens(data) as tokens:
        monkeypatch.setenv(VARIABLE, tokens.create("device", now_ms=system_now_ms(), device_id="D1"))
    result = invoked("site", "fences", *HERE, "--data", data)
    assert result.exit_code == 2
    assert "may not" in result.stderr
