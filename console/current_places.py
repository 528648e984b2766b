"""Where everybody is who is supervised now, and what of that has changed since a viewer last looked."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from console.site_directory import SiteDirectory
from geofences.instant import BEGIN_MS
from pipeline.sites.records import Person
from sinks.positions import Position

#: How many departures are remembered; a viewer who was away for longer gets everything anew.
DEPARTURES_MOST = 20_000
#: For how many ticks back it is known at once which devices changed.
_TICKS_LISTED = 30


@dataclass(frozen=True, slots=True)
class Place:
    """A device of somebody who is supervised now: by which office, and the ticks of its changes.

    ``known`` is the tick since which the same person of the same name has carried it for the same offices,
    ``moved`` that of its last change of any kind.
    """

    position: Position
    office_id: str
    person_name: str | None
    known: int
    moved: int

    @property
    def whose(self) -> tuple[str, str | None, str, str]:
        """The person, and the offices in charge now and when the fix was made: each may see only its own."""
        return self.position.person_id, self.person_name, self.office_id, self.position.office_id

    def is_within(self, offices: frozenset[str]) -> bool:
        """Whether offices may see it."""
        return self.office_id in offices and self.position.office_id in offices


@dataclass(frozen=True, slots=True)
class Changes:
    """What a viewer does not know yet; ``is_all``: it replaces whatever the viewer has."""

    is_all: bool
    new: list[Position] = field(default_factory=list)
    moved: list[Position] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return self.is_all or bool(self.new or self.moved or self.gone)


class CurrentPlaces:
    """The places of all devices, numbered by ticks: each is a look at the store that found something new.

    A viewer is a tick and a set of offices; nothing is kept for any of them.
    """

    def __init__(self, site_directory: SiteDirectory, *, departures_most: int = DEPARTURES_MOST) -> None:
        self.tick = 0
        self._site_directory = site_directory
        self._places: dict[str, Place] = {}
        self._latest: dict[str, Position] = {}
        self._departures: deque[tuple[int, Place]] = deque()
        self._changed: deque[tuple[int, frozenset[str]]] = deque(maxlen=_TICKS_LISTED)
        self._departures_most = departures_most
        #: Departures up to this tick may be forgotten.
        self._remembered_from = 0
        self._now_ms = BEGIN_MS
        #: Devices that a change of the site may concern.
        self._unsettled: set[str] = set()

    def follow(self, site_directory: SiteDirectory) -> None:
        """The site is this one from the next update on."""
        if site_directory is self._site_directory:
            return
        if site_directory.above != self._site_directory.above:
            # Whose offices are whose has changed: everybody gets everything anew.
            self.tick += 1
            self._remembered_from = self.tick
            self._departures.clear()
            self._changed.clear()
        before, self._site_directory = self._site_directory, site_directory
        concerned = site_directory.concerned_since(before)
        if concerned is None:
            self._unsettled.update(self._latest)
            return
        devices = set(concerned.devices)
        for person_id in concerned.people:
            # A device that they do not bear any more tells nothing of them, whatever their rows say.
            bound = site_directory.devices_of(person_id, BEGIN_MS, is_upcoming=True)
            devices.update(row.device_id for row in bound)
        self._unsettled.update(device for device in devices if device in self._latest)

    def update(self, rows: Iterable[Position], now_ms: int, *, is_all: bool) -> bool:
        """Newest positions, ``is_all`` of them or those that may be new; whether anything changed by them.

        The passing of time changes something too: supervisions begin and end.
        """
        latest = {row.device_id: row for row in rows}
        changed = {device for device, row in latest.items() if self._latest.get(device) != row}
        if is_all:
            changed |= self._latest.keys() - latest.keys()
            self._latest = latest
        else:
            self._latest.update(latest)
        changed |= self._unsettled
        self._unsettled.clear()
        if self._site_directory.turns_between(self._now_ms, now_ms) or now_ms < self._now_ms:
            changed |= self._latest.keys()
        self._now_ms = now_ms
        tick = self.tick + 1
        settled = frozenset(device for device in changed if self._settle(device, tick))
        if settled:
            self.tick = tick
            self._changed.append((tick, settled))
        return bool(settled)

    def since(self, tick: int | None, offices: frozenset[str]) -> Changes:
        """What happened within offices after a tick; everything there is after None or a forgotten one."""
        if tick is None or not self._remembered_from <= tick <= self.tick:
            everything = [place.position for place in self._places.values() if place.is_within(offices)]
            return Changes(True, new=everything)
        changed = [place for place in self._touched(tick) if place.moved > tick and place.is_within(offices)]
        new = [place.position for place in changed if place.known > tick]
        moved = [place.position for place in changed if place.known <= tick]
        left = {
            before.position.device_id
            for at, before in self._departures
            if at > tick and before.is_within(offices)
        }
        return Changes(False, new, moved, sorted(left.difference(position.device_id for position in new)))

    def _touched(self, tick: int) -> Iterable[Place]:
        """All places that changed after a tick, and maybe others."""
        if not self._changed or tick < self._changed[0][0] - 1:
            return self._places.values()
        devices = {device for at, settled in self._changed if at > tick for device in settled}
        return [self._places[device] for device in devices & self._places.keys()]

    def _settle(self, device_id: str, tick: int) -> bool:
        """Puts a device where it belongs now; whether that is a change."""
        before, position = self._places.get(device_id), self._latest.get(device_id)
        person = None if position is None else self._bearer_of(position)
        if position is None or person is None:
            if before is None:
                return False
            del self._places[device_id]
            self._depart(tick, before)
            return True
        place = Place(position, person.office_id, person.name, known=tick, moved=tick)
        if before is not None and (before.whose, before.position) == (place.whose, position):
            return False
        if before is not None and before.whose == place.whose:
            place = replace(place, known=before.known)
        elif before is not None:
            self._depart(tick, before)
        self._places[device_id] = place
        return True

    def _bearer_of(self, position: Position) -> Person | None:
        """Whose it is now; None where the device is no longer that person's, or nobody supervises them."""
        return self._site_directory.bearer(position.device_id, position.person_id, self._now_ms)

    def _depart(self, tick: int, place: Place) -> None:
        self._departures.append((tick, place))
        while len(self._departures) > self._departures_most:
            self._remembered_from = self._departures.popleft()[0]
