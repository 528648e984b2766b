"""The site as it is now: all that is derived from it, replaced as a whole while requests go on."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import cached_property

from console.fence_places import FencePlaces
from console.gazetteer import Gazetteer
from console.site_directory import SiteDirectory
from pipeline.reading.device_ids import DeviceIds
from pipeline.sites.records import Site

_log = logging.getLogger(__name__)


class SiteNow:
    """One state of the site and what the console looks up in it; it never changes.

    ``number`` is another one for each state. Whoever asks twice within a request takes the same one twice.
    """

    def __init__(self, number: int, site: Site, gazetteer: Gazetteer, before: SiteNow | None = None) -> None:
        self.number = number
        self.site = site
        old = None if before is None else before.directory
        self.directory: SiteDirectory = SiteDirectory(site, gazetteer, old)
        self.parents = {office.office_id: office.parent_id for office in site.offices}
        #: What rows that come in are held against.
        self.devices = _devices(self.directory, before)
        self._known_places = None if before is None else before.__dict__.get("fence_places")

    @cached_property
    def fence_places(self) -> FencePlaces:
        """The fences by where they are; made when somebody first asks, and then kept up to date."""
        if self._known_places is None:
            return FencePlaces(self.site.fences)
        places: FencePlaces = self._known_places
        places.follow(self.site.fences)
        return places


def _devices(directory: SiteDirectory, before: SiteNow | None) -> DeviceIds:
    """All ids, in any order; one that was known stays so, for its rows may still be on their way."""
    if before is None:
        return DeviceIds(sorted(directory.device_ids))
    known = before.devices.numbers
    more = sorted({row.device_id for row in directory.new_bindings}.difference(known))
    return before.devices.also(more) if more else before.devices


#: Called with the new state, by the thread that replaced the old one.
Listener = Callable[[SiteNow], None]


class LiveSite:
    """The one holder of the present site: ``now`` is asked anew for each request."""

    def __init__(self, site: Site, gazetteer: Gazetteer, number: int = 0) -> None:
        self._now = SiteNow(number, site, gazetteer)
        self._gazetteer = gazetteer
        self._listeners: list[Listener] = []
        self._mutex = threading.Lock()
        self._followed = threading.Condition(self._mutex)

    @property
    def now(self) -> SiteNow:
        """The site as it is now."""
        return self._now

    def directory(self) -> SiteDirectory:
        """The people, devices and offices as they are now."""
        return self._now.directory

    def devices(self) -> DeviceIds:
        """The devices that rows may come from now."""
        return self._now.devices

    def listen(self, listener: Listener) -> None:
        """Tells a listener of each later state."""
        self._listeners.append(listener)

    def wait_for(self, number: int, timeout_s: float) -> bool:
        """Waits until the site is this state or a later one; whether it is."""
        with self._followed:
            return self._followed.wait_for(lambda: self._now.number >= number, timeout_s)

    def replace(self, site: Site, number: int) -> SiteNow:
        """From now on the site is this one; a state that is older than the present one is passed over.

        Everything is derived before anybody sees any of it.
        """
        with self._mutex:
            if number <= self._now.number:
                return self._now
            self._now = SiteNow(number, site, self._gazetteer, self._now)
            self._followed.notify_all()
            for listener in self._listeners:
                try:
                    listener(self._now)
                except Exception:  # whatever a store may raise: what one cannot follow, the others do
                    _log.exception("a change of the site could not be followed everywhere")
            return self._now
