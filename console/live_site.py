"""The site as it is now: all that is derived from it, replaced as a whole while requests go on."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import cached_property

from console.fence_places import FencePlaces
from console.gazetteer import Gazetteer
from console.site_directory import SiteDirectory
from geofences.instant import END_MS
from pipeline.ingest.known_devices import known_devices
from pipeline.reading.device_ids import DeviceIds
from pipeline.sites.records import Site

_log = logging.getLogger(__name__)


class SiteNow:
    """One state of the site and what the console looks up in it; it never changes.

    ``number`` is another one for each change. Whoever asks twice within a request takes the same one twice.
    Offices stand above each other as they do at ``at_ms``, and until ``until_ms``.
    """

    def __init__(
        self,
        number: int,
        site: Site,
        gazetteer: Gazetteer,
        before: SiteNow | None = None,
        at_ms: int = END_MS - 1,
    ) -> None:
        self.number = number
        self.site = site
        old = None if before is None else before.directory
        self.directory: SiteDirectory = SiteDirectory(site, gazetteer, old, at_ms)
        self.parents = self.directory.offices_now.parents
        self.until_ms = self.directory.offices_now.until_ms
        #: What rows that come in are held against.
        known = None if before is None else (before.site, before.devices)
        self.devices: DeviceIds = known_devices(site, known)
        self._known_places = None if before is None else before.__dict__.get("fence_places")

    @cached_property
    def fence_places(self) -> FencePlaces:
        """The fences by where they are; made when somebody first asks, and then kept up to date."""
        if self._known_places is None:
            return FencePlaces(self.site.fences)
        places: FencePlaces = self._known_places
        places.follow(self.site.fences)
        return places


#: Called with the new state, by the thread that replaced the old one.
Listener = Callable[[SiteNow], None]


class LiveSite:
    """The one holder of the present site: ``now`` is asked anew for each request."""

    def __init__(
        self,
        site: Site,
        gazetteer: Gazetteer,
        number: int = 0,
        now_ms: Callable[[], int] = lambda: END_MS - 1,
    ) -> None:
        """``now_ms`` is the clock by which an office comes to stand below another one."""
        self._now_ms = now_ms
        self._now = SiteNow(number, site, gazetteer, at_ms=now_ms())
        self._gazetteer = gazetteer
        self._listeners: list[Listener] = []
        self._mutex = threading.Lock()
        self._followed = threading.Condition(self._mutex)

    @property
    def now(self) -> SiteNow:
        """The site as it is now."""
        now = self._now
        return now if now.until_ms == END_MS or self._now_ms() < now.until_ms else self._turn(now)

    def _turn(self, before: SiteNow) -> SiteNow:
        """Offices stand otherwise from now on, which nothing but the clock brings about."""
        with self._mutex:
            if self._now is before:
                self._take_over(SiteNow(before.number, before.site, self._gazetteer, before, self._now_ms()))
            return self._now

    def directory(self) -> SiteDirectory:
        """The people, devices and offices as they are now."""
        return self.now.directory

    def devices(self) -> DeviceIds:
        """The devices that rows may come from now."""
        return self.now.devices

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
            self._take_over(SiteNow(number, site, self._gazetteer, self._now, self._now_ms()))
            return self._now

    def _take_over(self, now: SiteNow) -> None:
        self._now = now
        self._followed.notify_all()
        for listener in self._listeners:
            try:
                listener(now)
            except Exception:  # whatever a store may raise: what one cannot follow, the others do
                _log.exception("a change of the site could not be followed everywhere")
