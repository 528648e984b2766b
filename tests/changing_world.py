"""A console whose site is changed while it runs: a province with two counties, and tokens of every rank."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from console_world import NOW_MS, World, console_world
from minimal_site import WHOLE, write_site

from sinks.access import Role

OFFICES = """\
office_id,parent_id,name,level
PR,,Province,province
C1,PR,County One,county
O1,C1,Office One,judicial_office
O3,C1,Office Three,judicial_office
C2,PR,County Two,county
O2,C2,Office Two,judicial_office
"""
#: P5 goes from O1 to O2 in August, P6 came from there in June.
PEOPLE = """\
person_id,name,office_id,class,valid_from,valid_to,phone
P1,Person One,O1,general,,,13800000001
P2,Person Two,O2,strict,,,
P5,Person Five,O1,general,,2025-08-01T00:00:00+08:00,
P5,Person Five,O2,general,2025-08-01T00:00:00+08:00,,
P6,Person Six,O2,general,,2025-06-01T00:00:00+08:00,
P6,Person Six,O1,general,2025-06-01T00:00:00+08:00,,
"""
DEVICES = """\
device_id,person_id,kind,valid_from,valid_to
D1,P1,phone,,
D2,P2,wristband,,
D5,P5,phone,,
D9,P2,phone,,2025-07-01T00:00:00+08:00
"""
LEAVES = """\
leave_id,person_id,valid_from,valid_to,category,module,fence_ids,lon,lat,radius_m,approved_at
L1,P1,2025-07-10T00:00:00+08:00,2025-07-20T00:00:00+08:00,medical,office,,106.6,29.6,2000,
L2,P2,2025-07-10T00:00:00+08:00,2025-07-20T00:00:00+08:00,medical,office,,106.6,29.6,2000,
"""


def _fence(fence_id: str, name: str, *applies_to: str) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": {
            "fence_id": fence_id,
            "name": name,
            "rule": "keep_in",
            "applies_to": list(applies_to),
            "radius_m": 2000,
        },
        "geometry": {"type": "Point", "coordinates": [106.5, 29.5]},
    }


FENCES = json.dumps(
    {
        "type": "FeatureCollection",
        "features": [
            _fence("home-1", "Home of Person One", "person:P1"),
            _fence("home-2", "Home of Person Two", "person:P2"),
            _fence("both", "Market", "person:P1", "person:P2"),
            _fence("all", "Everybody's", "all"),
        ],
    }
)

#: Beside those of ``console_world``: who else bears a token.
MORE_TOKENS = {
    "top": (Role.COUNTY, "PR"),
    "county_officer": (Role.OFFICER, "C1"),
    "low_county": (Role.COUNTY, "O1"),
    "second": (Role.OFFICER, "O1"),
}


@contextmanager
def changing_world(directory: Path, **settings: Any) -> Iterator[World]:
    """The world with all its tokens. It is noon as it begins, unless ``now_ms`` says otherwise.

    The clock goes on: a change is in force a moment after the log's last mark, and nobody else's clock may
    stand before it.
    """
    begun_s = time.monotonic()
    settings.setdefault("now_ms", lambda: NOW_MS + int((time.monotonic() - begun_s) * 1000))
    site = directory / "site"
    site.mkdir()
    tables = (("offices", OFFICES), ("people", PEOPLE), ("devices", DEVICES), ("leaves", LEAVES))
    files = [(f"{name}.csv", WHOLE, text) for name, text in tables]
    write_site(site, *files, ("fences.geojson", WHOLE, FENCES))
    with console_world(directory, **settings) as world:
        store = world.parts.tokens
        more = {
            who: store.create(role, now_ms=NOW_MS, office_id=office)
            for who, (role, office) in MORE_TOKENS.items()
        }
        yield replace(world, tokens={**world.tokens, **more})
