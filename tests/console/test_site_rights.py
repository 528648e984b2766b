"""Who may change what of the site, and whose: a table of operations and everybody who may try."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from changing_world import MORE_TOKENS, changing_world
from console_world import NOW_MS, TOKENS, World

from console.caller import Caller
from console.gazetteer import Gazetteer
from console.live_site import SiteNow
from console.rights import RIGHTS, Right
from console.site_rights import CHANGED_BY, ChangeRights
from pipeline.registry.registry import Registry
from pipeline.sites.operations import CHANGEABLE, read_operations
from sinks.access import Identity, Role

#: An officer of O1, the county above it, an officer of another county's O2, the office above all.
WHO = ("officer", "county", "elsewhere", "top", "county_officer", "low_county")
Y, N = True, False


def put(table: str, **row: Any) -> dict[str, Any]:
    return {"op": "put", "table": table, "row": row}


def end(table: str, **row: Any) -> dict[str, Any]:
    return {"op": "end", "table": table, "row": row}


def person(person_id: str, office: str, **more: Any) -> dict[str, Any]:
    return put(
        "people", **{"person_id": person_id, "name": "N", "office_id": office, "class": "general", **more}
    )


def device(device_id: str, person_id: str, **more: Any) -> dict[str, Any]:
    return put("devices", device_id=device_id, person_id=person_id, kind="phone", **more)


def leave(leave_id: str, person_id: str, **more: Any) -> dict[str, Any]:
    times = {"valid_from": "2025-07-15T00:00:00+08:00", "valid_to": "2025-07-16T00:00:00+08:00"}
    circle = {"lon": 106.6, "lat": 29.6, "radius_m": 500} if "fence_ids" not in more else {}
    return put("leaves", **{"leave_id": leave_id, "person_id": person_id, **times, **circle, **more})


def fence(fence_id: str, *applies_to: str) -> dict[str, Any]:
    properties = {"fence_id": fence_id, "rule": "keep_in", "applies_to": list(applies_to), "radius_m": 100}
    row = {
        "type": "Feature",
        "properties": properties,
        "geometry": {"type": "Point", "coordinates": [106, 29]},
    }
    return {"op": "put", "table": "fences", "row": row}


def office(office_id: str, parent: str) -> dict[str, Any]:
    return put("offices", office_id=office_id, parent_id=parent, name="New", level="judicial_office")


AUGUST = {"valid_from": "2025-08-02T00:00:00+08:00", "valid_to": "2025-08-03T00:00:00+08:00"}

# What somebody asks for, the reason of the row, and who may: officer of O1, county C1, officer of O2, PR,
# an officer at C1, the role county at O1.
TABLE: list[tuple[str, list[dict[str, Any]], tuple[bool, bool, bool, bool, bool, bool]]] = [
    ("a leave of one's own person", [leave("L9", "P1")], (Y, Y, N, Y, Y, Y)),
    ("of somebody else's", [leave("L9", "P2")], (N, N, Y, Y, N, N)),
    ("of nobody known", [leave("L9", "P99")], (N, N, N, N, N, N)),
    ("in the weeks that are one's own", [leave("L9", "P5")], (Y, Y, N, Y, Y, Y)),
    ("and in those that are the next office's", [leave("L9", "P5", **AUGUST)], (N, N, Y, Y, N, N)),
    ("a leave of another's, by one's own person", [leave("L2", "P1")], (N, N, N, Y, N, N)),
    ("to a fence of the person", [leave("L9", "P1", fence_ids="home-1;all")], (Y, Y, N, Y, Y, Y)),
    ("to a home that is no business of theirs", [leave("L9", "P1", fence_ids="home-2")], (N, N, N, Y, N, N)),
    ("to no fence at all", [leave("L9", "P1", fence_ids="nowhere")], (N, N, N, N, N, N)),
    ("the end of a leave", [end("leaves", leave_id="L1")], (Y, Y, N, Y, Y, Y)),
    ("of somebody else's leave", [end("leaves", leave_id="L2")], (N, N, Y, Y, N, N)),
    ("of a leave that is none: told by the desk", [end("leaves", leave_id="L99")], (Y, Y, Y, Y, Y, Y)),
    ("a device for one's own person", [device("D8", "P1")], (Y, Y, N, Y, Y, Y)),
    ("a device that another's person bears", [device("D2", "P1")], (N, N, N, Y, N, N)),
    ("a device that another's person bore", [device("D9", "P1")], (Y, Y, N, Y, Y, Y)),
    ("one's own device to another's person", [device("D1", "P2")], (N, N, N, Y, N, N)),
    ("the end of a binding", [end("devices", device_id="D1")], (Y, Y, N, Y, Y, Y)),
    ("of another's binding", [end("devices", device_id="D2")], (N, N, Y, Y, N, N)),
    ("a new person", [person("P9", "O1")], (N, Y, N, Y, N, N)),
    ("a new person of another county", [person("P9", "O2")], (N, N, N, Y, N, N)),
    ("another class", [person("P1", "O1")], (N, Y, N, Y, N, N)),
    ("to another office of the county", [person("P1", "O3")], (N, Y, N, Y, N, N)),
    ("to another county: the office above both", [person("P1", "O2")], (N, N, N, Y, N, N)),
    ("a person of another county fetched", [person("P2", "O1")], (N, N, N, Y, N, N)),
    ("one who came from there", [person("P6", "O1")], (N, Y, N, Y, N, N)),
    ("the end of a supervision", [end("people", person_id="P1")], (N, Y, N, Y, N, N)),
    ("of another's", [end("people", person_id="P2")], (N, N, N, Y, N, N)),
    ("a person with a device", [person("P9", "O1"), device("D8", "P9")], (N, Y, N, Y, N, N)),
    ("a device first, for nobody yet", [device("D8", "P9"), person("P9", "O1")], (N, N, N, N, N, N)),
    ("one's own person's fence", [fence("F9", "person:P1")], (N, Y, N, Y, N, N)),
    ("a fence of one's own offices", [fence("F9", "office:O1", "office:C1")], (N, Y, N, Y, N, N)),
    ("a fence of another's person", [fence("F9", "person:P1", "person:P2")], (N, N, N, Y, N, N)),
    ("of another's office", [fence("F9", "office:O2")], (N, N, N, Y, N, N)),
    ("of a class: of everybody in it", [fence("F9", "class:strict")], (N, N, N, Y, N, N)),
    ("of all", [fence("F9", "all")], (N, N, N, Y, N, N)),
    ("one's own fence moved", [fence("home-1", "person:P1")], (N, Y, N, Y, N, N)),
    ("another's fence taken over", [fence("home-2", "person:P1")], (N, N, N, Y, N, N)),
    ("a fence of two counties' people cut down to one", [fence("both", "person:P1")], (N, N, N, Y, N, N)),
    ("the end of one's own fence", [end("fences", fence_id="home-1")], (N, Y, N, Y, N, N)),
    ("of everybody's", [end("fences", fence_id="all")], (N, N, N, Y, N, N)),
    ("an office below", [office("O8", "C1")], (N, Y, N, Y, N, N)),
    ("an office below another", [office("O8", "C2")], (N, N, N, Y, N, N)),
    ("an office with nobody above", [office("O8", "")], (N, N, N, N, N, N)),
    ("the name of an office below", [office("O1", "C1")], (N, Y, N, Y, N, N)),
    ("its own office", [office("C1", "PR")], (N, N, N, Y, N, N)),
    ("the end of an office below", [end("offices", office_id="O3")], (N, Y, N, Y, N, N)),
    ("of its own", [end("offices", office_id="C1")], (N, N, N, Y, N, N)),
    ("days off", [put("holidays", year=2027, days_off=[])], (N, N, N, Y, N, N)),
    ("a policy", [put("policies", version="v")], (N, N, N, Y, N, N)),
    ("one's own and another's", [leave("L8", "P1"), leave("L9", "P2")], (N, N, N, Y, N, N)),
]


@dataclass(frozen=True)
class Ground:
    now: SiteNow
    registry: Registry

    def caller(self, role: Role, office_id: str) -> Caller:
        return Caller(Identity(role, office_id, None, "somebody"), self.now.directory.within(office_id))


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with changing_world(tmp_path_factory.mktemp("rights")) as world:
        yield of(world)


def of(world: World) -> Ground:
    assert world.parts.running_site is not None
    return Ground(SiteNow(0, world.parts.site, Gazetteer()), world.parts.running_site.registry)


@pytest.mark.parametrize(("operations", "wanted"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_table(ground: Ground, operations: list[dict[str, Any]], wanted: tuple[bool, ...]) -> None:
    faults: list[Any] = []
    read = read_operations(operations, faults)
    assert faults == [], "the table asks for what can be read"
    found = []
    for who in WHO:
        role, office_id = (TOKENS | MORE_TOKENS)[who]
        assert office_id is not None
        rights = ChangeRights(ground.caller(role, office_id), ground.now, ground.registry, NOW_MS)
        found.append(not rights.forbidden(read))
    assert tuple(found) == wanted


def test_only_two_roles_change_anything() -> None:
    assert {role for role, rights in RIGHTS.items() if Right.CHANGE in rights} == {Role.OFFICER, Role.COUNTY}


def test_every_table_has_a_line() -> None:
    assert CHANGED_BY.keys() == set(CHANGEABLE)


def test_nothing_is_told_of_others(ground: Ground) -> None:
    """Whether another's person is there, or where, is not to be learnt by asking for changes."""
    caller = ground.caller(Role.COUNTY, "C1")

    def said(operation: dict[str, Any]) -> str:
        rights = ChangeRights(caller, ground.now, ground.registry, NOW_MS)
        (why,) = rights.forbidden(read_operations([operation], []))
        return f"{why.field} {why.wrong} {why.expected}"

    assert said(device("D8", "P2")) == said(device("D8", "P7")).replace("P7", "P2")
    assert said(leave("L9", "P1", fence_ids="home-2")) == said(leave("L9", "P1", fence_ids="x")).replace(
        "'x'", "'home-2'"
    )
    for foreign in (person("P2", "O1"), device("D2", "P1"), fence("home-2", "person:P1")):
        assert not {"O2", "P2", "C2"} & set(said(foreign).replace("'P2'", "").replace(",", "").split())
