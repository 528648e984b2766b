"""The API's description names whatever a route reads of a request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from console_world import World, apply, console_world, violation
from starlette.datastructures import Headers, ImmutableMultiDict, QueryParams
from starlette.testclient import TestClient

from console.app import create_app
from pipeline.ingest.protocols.osmand import OSMAND, osmand_message

#: What HTTP itself defines, and the framework looks for; OpenAPI says these elsewhere, or not at all.
OF_HTTP = {
    "accept-encoding", "authorization", "content-encoding", "content-length", "content-type",
    "cookie", "vary",
}  # fmt: skip
#: The methods of a path; other keys of it are no operations.
METHODS = {"get", "post", "put", "delete"}
#: Streams do not end by themselves. What they read is read by the routes beside them.
ENDLESS = {"/v1/alerts/stream", "/v1/positions/stream"}
VALUES = {
    "alert_key": violation(1).alert_key,
    "person_id": "P1",
    "row_id": "P1",
    "zoom": "0",
    "x": "0",
    "y": "0",
}

#: The tables whose rows have routes of their own.
ROWS = ("people", "devices", "leaves", "offices", "fences")

Read = set[tuple[str, str]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with console_world(tmp_path_factory.mktemp("console")) as world:
        apply(world, violation(1))
        yield world


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Read:
    """Fills with the headers and parameters that are asked for, whether they were sent or not."""
    found: Read = set()
    header_of, value_of, values_of = Headers.__getitem__, ImmutableMultiDict.get, ImmutableMultiDict.getlist

    def header(headers: Headers, name: str) -> str:
        found.add(("header", name.lower()))
        return header_of(headers, name)

    def headers_of(headers: Headers, name: str) -> list[str]:
        found.add(("header", name.lower()))
        return [value for key, value in headers.items() if key == name.lower()]

    def value(query: ImmutableMultiDict[str, str], name: str, default: Any = None) -> Any:
        if isinstance(query, QueryParams):
            found.add(("query", name))
        return value_of(query, name, default)

    def values(query: ImmutableMultiDict[str, str], name: str) -> list[str]:
        if isinstance(query, QueryParams):
            found.add(("query", name))
        return values_of(query, name)

    monkeypatch.setattr(Headers, "__getitem__", header)
    monkeypatch.setattr(Headers, "getlist", headers_of)
    monkeypatch.setattr(ImmutableMultiDict, "get", value)
    monkeypatch.setattr(ImmutableMultiDict, "getlist", values)
    return found


def operations(described: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, found in described["paths"].items():
        for method in METHODS & found.keys():
            yield method.upper(), path, found[method]


def named(operation: dict[str, Any], described: dict[str, Any]) -> Read:
    """The headers and parameters that an operation says it reads, and those of its ways to sign in."""
    schemes = described["components"]["securitySchemes"]
    keys = [schemes[name] for way in operation.get("security", []) for name in way]
    given = operation.get("parameters", []) + [key for key in keys if key["type"] == "apiKey"]
    return {(one["in"], one["name"].lower() if one["in"] == "header" else one["name"]) for one in given}


def test_what_is_read_is_described(world: World, read: Read) -> None:
    described = create_app(world.parts).openapi()
    unnamed: dict[str, Read] = {}
    names: Read = set()
    with TestClient(create_app(world.parts)) as client:
        for method, path, operation in operations(described):
            if path in ENDLESS:
                continue
            for role in ("officer", "operator"):
                read.clear()
                client.request(method, path.format(**VALUES), headers=world.bearer(role))
                names |= read
                rest = {one for one in read if one[1] not in OF_HTTP} - named(operation, described)
                if rest:
                    unnamed[f"{method} {path} as {role}"] = rest
    assert unnamed == {}
    assert {("header", "x-purpose"), ("query", "purpose"), ("query", "bbox"), ("query", "state")} <= names


def test_a_purpose_may_be_said_wherever_people_are_seen(world: World) -> None:
    """By the header or the parameter, which neither may miss; a track wants it as parameter."""
    described = create_app(world.parts).openapi()
    said: dict[str, dict[str, bool]] = {}
    for _, path, operation in operations(described):
        found = {one["in"]: one["required"] for one in operation.get("parameters", []) if is_purpose(one)}
        said[path] = said.get(path, {}) | found
    either = {"header": False, "query": False}
    assert {path: found for path, found in said.items() if found} == {
        "/v1/alerts": either,
        "/v1/alerts/{alert_key}": either,
        "/v1/alerts/by-person": {"query": False},
        "/v1/people/{person_id}/card": either,
        "/v1/people/{person_id}/track": {"query": True},
        "/v1/positions": either,
        "/v1/positions/stream": either,
        "/v1/rejects": either,
        "/v1/site/changes": either,
        **{f"/v1/{table}/{{row_id}}": either for table in ROWS},
    }


def is_purpose(parameter: dict[str, Any]) -> bool:
    return parameter["name"].lower() in ("purpose", "x-purpose")


class Asked(dict[str, str]):
    """Parameters that remember which of them somebody wanted."""

    def __init__(self, given: dict[str, str]) -> None:
        super().__init__(given)
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        self.names.add(str(name))
        return super().__contains__(name)


def test_the_parameters_of_osmand_are_all_there() -> None:
    names: set[str] = set()
    for given in ({}, {"location": "29.5,106.5"}):
        asked = Asked(given)
        osmand_message(asked)
        names |= asked.names
    assert names == OSMAND.parameters.keys()


def test_no_parameter_is_null(world: World) -> None:
    """What is left out of an address or a head is not there; null would be the word."""
    described = create_app(world.parts).openapi()
    schemas = {
        f"{method} {path} {one['name']}": one["schema"]
        for method, path, operation in operations(described)
        for one in operation.get("parameters", [])
    }
    assert schemas["GET /v1/alerts q"]["type"] == "string"
    assert [name for name, schema in schemas.items() if "null" in str(schema)] == []
