"""A console over real parts in a directory: a small site of two counties, tokens of every role, alerts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from made_queue import put_empty_queue
from minimal_site import WHOLE, write_site

from console.app import ConsoleParts
from geofences.instant import instant_ms
from pipeline.ingest.running_site import RunningSite
from pipeline.log.journal.embedded import embedded
from pipeline.log.journal.journal import Journal
from pipeline.registry.registry import REGISTRY, Registry
from pipeline.sites.load import load_documents, load_site
from sinks.access import Role, TokenStore
from sinks.access_log import AccessLog
from sinks.alert import Alert, EvidenceFix, alert_key, instant_text
from sinks.disposal import AlertChange, DisposalQueue
from sinks.positions import PositionStore
from sinks.rejects import RejectStore
from sinks.tracks import TrackArchive

NOW_MS = instant_ms("2025-07-14T12:00:00+08:00")
MINUTE_MS = 60_000

OFFICES = """\
office_id,parent_id,name,level
C1,,County One,county
O1,C1,Office One,judicial_office
C2,,County Two,county
O2,C2,Office Two,judicial_office
"""
PEOPLE = """\
person_id,name,office_id,class,valid_from,valid_to
P1,Person One,O1,general,,
P2,Person Two,O2,strict,,
P3,Person Three,O1,general,2024-01-01T00:00:00Z,2025-01-01T00:00:00Z
"""
DEVICES = """\
device_id,person_id,kind,valid_from,valid_to
D1,P1,phone,,
D2,P2,wristband,,
D3,P3,phone,,
"""

#: Who bears a token: role and office or device.
TOKENS = {
    "officer": (Role.OFFICER, "O1"),
    "county": (Role.COUNTY, "C1"),
    "elsewhere": (Role.OFFICER, "O2"),
    "prosecutor": (Role.PROSECUTOR, "C1"),
    "operator": (Role.OPERATOR, None),
    "device": (Role.DEVICE, "D1"),
}


@dataclass(frozen=True, slots=True)
class World:
    """Open parts and the texts of the tokens."""

    parts: ConsoleParts
    tokens: dict[str, str]
    journal: Journal

    def bearer(self, who: str) -> dict[str, str]:
        """The header of somebody's token."""
        return {"Authorization": f"Bearer {self.tokens[who]}"}


@contextmanager
def console_world(
    directory: Path, now_ms: Callable[[], int] = lambda: NOW_MS, **settings: Any
) -> Iterator[World]:
    """Parts under a directory that may have been used before; tokens of earlier ones are not known."""
    site = directory / "site"
    if not site.exists():
        site.mkdir(parents=True)
        edits = (
            ("offices.csv", WHOLE, OFFICES),
            ("people.csv", WHOLE, PEOPLE),
            ("devices.csv", WHOLE, DEVICES),
        )
        write_site(site, *edits)
    data = directory / "data"
    data.mkdir(exist_ok=True)
    put_empty_queue(data / "queue.sqlite")
    with (
        Journal(data / "journal") as journal,
        DisposalQueue.open(data / "queue.sqlite") as queue,
        closing(Registry.open(data / REGISTRY)) as registry,
    ):
        if not registry.is_begun:
            registry.begin(load_documents(site), record=journal.end_offset, at_ms=now_ms(), source="site")
        log = embedded(data / "journal")
        running = RunningSite(registry, load_site(site), registry.last_record, log)
        parts = ConsoleParts(
            site=running.site,
            log=log,
            log_writer=journal,
            queue=queue,
            positions=PositionStore.open(data / "positions.sqlite"),
            tracks=TrackArchive(data / "tracks", ZoneInfo("Asia/Shanghai")),
            tokens=TokenStore.open(data / "tokens.sqlite"),
            accesses=AccessLog.open(data / "accesses.sqlite"),
            rejects=RejectStore.open(data / "rejects.sqlite"),
            now_ms=now_ms,
            **{"running_site": running, **settings},
        )
        try:
            yield World(parts, _tokens(parts.tokens), journal)
        finally:
            for store in (parts.positions, parts.tokens, parts.accesses, parts.rejects):
                store.close()


def _tokens(store: TokenStore) -> dict[str, str]:
    texts = {}
    for who, (role, where) in TOKENS.items():
        place: dict[str, Any] = {"device_id" if role is Role.DEVICE else "office_id": where}
        texts[who] = store.create(role, now_ms=NOW_MS, **place)
    return texts


def violation(number: int, *, person: str = "P1", office: str = "O1", **fields: Any) -> Alert:
    """A boundary violation of its own, raised ``number`` minutes before noon."""
    onset_ms = NOW_MS - number * MINUTE_MS
    device = person.replace("P", "D")
    alert = Alert(
        alert_key=alert_key("boundary_violation", device, "home", onset_ms, False),
        kind="boundary_violation",
        severity=2,
        person_id=person,
        device_id=device,
        office_id=office,
        group="home",
        fence_id="home",
        onset_ms=onset_ms,
        raised_ms=onset_ms,
        cleared_ms=None,
        withdrawn_ms=None,
        authorised_by=None,
        level=1,
        lon=106.5,
        lat=29.5,
        distance_m=120.0,
        retrospective=False,
        policy_version="test",
        evidence=(EvidenceFix(onset_ms, 106.5, 29.5, 10.0, 120.0, "out"),),
    )
    return replace(alert, **fields)


def apply(world: World, *alerts: Alert, revision: int = 1) -> list[str]:
    """The engine tells of alerts; their keys."""
    world.parts.queue.apply([AlertChange(alert, revision) for alert in alerts])
    return [alert.alert_key for alert in alerts]


def ping(device: str = "D1", *, minutes_ago: float = 0, **fields: Any) -> dict[str, Any]:
    """A row of pings."""
    at_ms = round(NOW_MS - minutes_ago * MINUTE_MS)
    return {"device_id": device, "event_time": instant_text(at_ms), "lon": 106.5, "lat": 29.5, **fields}
