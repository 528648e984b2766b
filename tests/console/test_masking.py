"""Names of people in what somebody wrote: a prosecutor reads none, whatever the way it is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from console_world import World, apply, console_world, violation
from guarded_console import guarded
from starlette.testclient import TestClient

from console.app import create_app
from console.masking import NameMask

NAMES = ["张三", "张三丰", "王小明", "欧阳 修", "Person One", "José Ruiz", "阿卜杜拉·买买提"]
#: Person One in letters as wide as Chinese ones.
FULL_WIDTH = "".join(chr(ord(letter) + 0xFEE0) for letter in "PersonOne")


@pytest.mark.parametrize(
    ("text", "masked", "why"),
    [
        ("张三在家", "***在家", ""),
        ("张三丰在家", "***在家", "the longest name, not the shorter one within it"),
        ("与张三、王小明谈话", "与***、***谈话", "several"),
        ("张三李四", "***李四", "inside a longer word as well"),
        ("张 三来了", "***来了", "blanks between the letters"),
        ("欧阳修", "***", "without the blank that the name has"),
        ("PERSON  one said", "*** said", "whatever the case"),
        (FULL_WIDTH, "***", "letters of full width"),
        ("Jose\u0301 Ruiz, JOSE RUIZ", "***, ***", "accents written apart, or left out"),
        ("阿卜杜拉买买提", "***", "without the dot between the names"),
        ("张四", "张四", "another name"),
        ("", "", ""),
        ("gps_drift", "gps_drift", "a code"),
    ],
)
def test_names_in_text(text: str, masked: str, why: str) -> None:
    assert NameMask(NAMES).text(text) == masked, why


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with console_world(tmp_path) as world:
        yield world


def test_a_prosecutor_reads_no_name_anywhere(world: World) -> None:
    """Person Three's supervision is over, and Person Two is another county's; both names are masked."""
    written = "Person One was with person two and PersonThree"
    (key,) = apply(world, violation(1))
    home, zone = world.parts.site.fences
    site = replace(world.parts.site, fences=(home, replace(zone, name="behind Person One's shop")))
    with TestClient(create_app(replace(world.parts, site=site))) as client:
        officer, prosecutor = world.bearer("officer"), world.bearer("prosecutor")
        at = f"/v1/alerts/{key}"
        client.post(f"{at}/claim", headers=officer)
        client.post(f"{at}/verify", headers=officer, json={"verdict": "true", "reason": written})
        client.post(f"{at}/dispose", headers=officer, json={"outcome": "warning", "note": written})
        masked = "*** was with *** and ***"
        for path in (at, "/v1/alerts"):
            told = client.get(path, headers=officer).json()
            assert (told.get("items") or [told])[0]["note"] == written
            seen = client.get(path, headers=prosecutor)
            item = (seen.json().get("items") or [seen.json()])[0]
            assert (item["reason"], item["note"], item["outcome"]) == (masked, masked, "warning")
            assert "person one" not in seen.text.casefold()
        entries = client.get(at, headers=prosecutor).json()["timeline"]
        assert [entry["details"].get("note") for entry in entries][-1] == masked
        fences = client.get("/v1/site", headers=prosecutor).json()["features"]
        assert [fence["properties"]["name"] for fence in fences] == [None, "behind ***'s shop"]


def test_the_stream_masks_as_well(world: World) -> None:
    from console.alert_stream import _masked

    entry = {"kind": "verified", "details": {"verdict": "true", "reason": "Person One was there"}}
    told = json.loads(_masked(json.dumps(entry), NameMask(NAMES)))
    assert told["details"] == {"verdict": "true", "reason": "*** was there"}


def test_whoever_may_not_know_names_is_streamed_none(world: World) -> None:
    """Over the wire, beside an officer who is told what was written."""
    written = "Person One was there"
    (key,) = apply(world, violation(1))
    with guarded(world) as console, ExitStack() as opened:
        streams = {}
        for who in ("prosecutor", "officer"):
            client = opened.enter_context(
                httpx2.Client(headers=world.bearer(who), trust_env=False, timeout=60)
            )
            stream = opened.enter_context(client.stream("GET", f"{console.url}/v1/alerts/stream"))
            streams[who] = stream.iter_lines()
            assert next(line for line in streams[who] if line.startswith("event")) == "event: hello"
        with httpx2.Client(headers=world.bearer("officer"), trust_env=False, timeout=60) as officer:
            at = f"{console.url}/v1/alerts/{key}"
            assert officer.post(f"{at}/claim").status_code == 200
            said = {"verdict": "true", "reason": written}
            assert officer.post(f"{at}/verify", json=said).status_code == 200
        reasons = {
            who: json.loads(next(line for line in lines if '"verified"' in line).removeprefix("data: "))
            for who, lines in streams.items()
        }
    assert reasons["officer"]["details"]["reason"] == written
    assert reasons["prosecutor"]["details"]["reason"] == "*** was there"
