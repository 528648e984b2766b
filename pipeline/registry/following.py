"""The site as it is now, made anew when the registry holds another one."""

from __future__ import annotations

from pipeline.registry.recorded_site import RecordedSite
from pipeline.registry.registry import Registry
from pipeline.sites.changed_site import changed_site
from pipeline.sites.edits import about
from pipeline.sites.records import Site


class SiteFollower:
    """A site that keeps up with a registry; one thread asks it at a time."""

    def __init__(self, registry: Registry, site: Site, record: int) -> None:
        """``site`` is what the registry held when its last record was ``record``."""
        self._registry = registry
        self.site = site
        self.record = record

    def is_behind(self) -> bool:
        """Whether something has changed; costs one look at the registry."""
        return self._registry.last_record != self.record

    def poll(self) -> bool:
        """Makes ``site`` what the registry holds and ``record`` its last change; whether that is another.

        Costs what the changes cost, however large the site is.
        """
        if not self.is_behind():
            return False
        last = self._registry.last_record
        edits = self._registry.edits_after(self.record, last)
        now = RecordedSite(self._registry, last)  # whatever comes in between
        going = (about(edit) for edit in edits if "put" not in edit)
        with now.read_for_check(map(about, edits), going):
            self.site, self.record = changed_site(self.site, now, edits), last
        return True
