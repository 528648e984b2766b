"""A fix that is sent to where none is taken: never an answer that a phone takes for success."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from console_world import NOW_MS, World, console_world, ping
from starlette.testclient import TestClient

from console.app import create_app

FIX = f"id=D1&lat=29.5&lon=106.5&timestamp={NOW_MS // 1000}"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with console_world(tmp_path) as world:
        yield world


@pytest.fixture
def client(world: World) -> Iterator[TestClient]:
    with TestClient(create_app(world.parts), follow_redirects=False) as client:
        client.headers.update(world.bearer("operator"))
        yield client


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/index.html", "/app.js", "/traccar", "/osmand/x", "/OsmAnd", "//osmand"),
        *("/v1", "/v1/", "/v1/ping", "/v1/pings/x", "/%00", "/..%2fetc/passwd", "/" + "x" * 5000),
    ],
)
def test_other_paths_are_404(world: World, client: TestClient, path: str) -> None:
    for said in (
        client.get(f"{path}?{FIX}"),
        client.post(f"{path}?{FIX}"),
        client.post(path, content=FIX, headers={"Content-Type": "application/x-www-form-urlencoded"}),
        client.post(path, json=[ping()]),
        client.put(path, json=[ping()]),
    ):
        assert said.status_code == 404, said.request
    assert "/osmand" in client.post("/").json()["detail"], "whoever sets a phone up is told where to send"


@pytest.mark.parametrize("words", ["id=D1", "deviceid=D1", "lat=1&lon=2", "location=1,2", "timestamp=1"])
def test_each_word_of_a_fix_is_known(client: TestClient, words: str) -> None:
    assert client.get(f"/?{words}").status_code == 404


def test_the_page_is_still_there(client: TestClient) -> None:
    for path in ("/", "/?wall=1", "/index.html", "/app.js"):
        assert client.get(path).status_code == 200
        assert client.head(path).status_code == 200


def test_a_known_path_says_which_methods_it_takes(client: TestClient) -> None:
    for method, path in (("GET", "/v1/pings"), ("PUT", "/osmand"), ("DELETE", "/v1/alerts")):
        said = client.request(method, path)
        assert (said.status_code, bool(said.headers["Allow"])) == (405, True)


@pytest.mark.parametrize("path", ["/v1/pings/", "/v1/confirmations/", "/osmand/", "/owntracks/"])
def test_a_slash_at_the_end_takes_rows_as_well(world: World, client: TestClient, path: str) -> None:
    before = world.journal.end_offset
    fix = {"_type": "location", "tid": "D1", "tst": NOW_MS // 1000, "lat": 29.5, "lon": 106.5}
    if path == "/osmand/":
        assert client.get(f"/osmand/?{FIX}").json()["accepted"] == 1
    elif path == "/owntracks/":
        assert client.post(path, json=fix).status_code == 200
    else:
        assert client.post(path, json=[ping()]).json()["accepted"] == 1
    assert world.journal.end_offset > before
