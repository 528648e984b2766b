"""The site of a system that runs is changed over HTTP and by import, and what was taken outlives kills."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
from live_system import RUN, SERVE, LiveSystem, until
from minimal_site import write_site
from replay.command_line import invoked
from site_operations import device, person, put

from geofences.instant import instant_ms
from pipeline.sites.load import check_site, load_documents

START = "2025-07-14T04:00:00Z"
START_MS = instant_ms(START)
NEW = [put("people", **person(person_id="P9")), put("devices", **device(device_id="D9", person_id="P9"))]


def test_a_person_added_while_all_runs_is_watched_and_outlives_kills(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    site = write_site(tmp_path / "site")
    with LiveSystem(tmp_path / "live", site, START_MS) as system:
        county = system.token("--role", "county", "--office", "C1", "--name", "wang")
        system.start(SERVE, RUN)
        system.send(START_MS + 1_000, [_ping("D1", 0)])
        answer = until(lambda: _changed(system, county))
        system.send(START_MS + 2_000, [_ping("D9", 1)])  # the gateway knows the device at once
        until(
            lambda: bool(system.checkpoints()) and system.figures().accepted == 2, "a state with the device"
        )
        system.kill(SERVE, RUN)
        system.start(SERVE, RUN)
        system.send(START_MS + 3_000, [_ping("D9", 2)])
        # Asked again with the same name it is answered as it was.
        again = until(lambda: _changed(system, county))
        assert (again["record"], again["at"]) == (answer["record"], answer["at"])
        _imported(system, site, tmp_path)
        # Outside of the area of everybody of the county: three fixes in a row, over two minutes.
        for minute in (1, 3, 5):
            system.send(START_MS + minute * 60_000, [_ping("D9", 0, minute=minute, lon=100.0)])
        until(lambda: system.figures().accepted == 6, "the rows of the device that was put in")
        until(lambda: bool(system.items()), "the alert of the person who was put in")
        system.stop(SERVE, RUN)
        (alert,) = [item.alert for item in system.items() if item.alert.person_id == "P9"]
        assert (alert.kind, alert.device_id, alert.fence_id) == ("boundary_violation", "D9", "home")
    assert _history(system) == [("li@import", 2), ("wang", 2)]


def _imported(system: LiveSystem, site: Path, tmp_path: Path) -> None:
    """By the command, which asks the server: the device of P2 is another kind from now on."""
    out = tmp_path / "export"
    assert invoked("site", "export", out, "--data", system.data).exit_code == 0
    text = (out / "devices.csv").read_text("utf-8")
    (out / "devices.csv").write_text(text.replace("D2,P2,wristband", "D2,P2,phone"), "utf-8")
    done = invoked("site", "import", out, "--data", system.data, "--reason", "li@import", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["changes"] == ["devices D2: kind 'wristband' -> 'phone', from now on"]
    invoked("site", "export", tmp_path / "after", "--data", system.data)
    assert check_site(tmp_path / "after")[0] == []
    kinds = [row["kind"] for row in load_documents(tmp_path / "after").rows["devices"]]
    assert kinds == ["phone", "wristband", "phone", "phone"]
    assert load_documents(site).rows["people"][0]["person_id"] == "P1"


def _changed(system: LiveSystem, bearer: str) -> Any:
    """The change over HTTP; None where nobody answers."""
    given = {"Authorization": f"Bearer {bearer}", "Idempotency-Key": "one"}
    body = {"operations": NEW, "reason": "released on parole"}
    try:
        answer = httpx2.post(f"{system.url}/v1/site/changes", json=body, headers=given, timeout=60)
    except httpx2.TransportError:
        return None
    if answer.status_code == 503:
        return None
    assert answer.is_success, answer.text
    return answer.json()


def _history(system: LiveSystem) -> list[tuple[str, int]]:
    told = invoked("site", "history", "--data", system.data, "--json")
    items = json.loads(told.stdout)["items"]
    whose = [entry["reason"] if "@" in entry["reason"] else entry["by"] for entry in items]
    return [
        (who, len({str(edit) for edit in entry["edits"]})) for who, entry in zip(whose, items, strict=True)
    ]


def _ping(device_id: str, second: int, minute: int = 0, lon: float = 106.5) -> dict[str, Any]:
    time = f"2025-07-14T04:{minute:02d}:{second:02d}Z"
    return {"device_id": device_id, "event_time": time, "lon": lon, "lat": 29.6}
