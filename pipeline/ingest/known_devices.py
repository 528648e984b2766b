"""The devices that rows may come from, as the site is now."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.reading.device_ids import DeviceIds
from pipeline.sites.records import Binding, Site
from pipeline.sites.row_columns import cells_of, repeated_places
from pipeline.sites.rows import as_rows


def known_devices(site: Site, before: tuple[Site, DeviceIds] | None = None) -> DeviceIds:
    """All devices of a site, and those of ``before``: of one that is gone rows may still be on their way.

    After a change it costs what is new, but for a copy of some bytes for each device.
    """
    if before is None:
        names = cells_of(site.bindings, "device_id")
        return DeviceIds(list(dict.fromkeys(names)) if repeated_places(names) else names)
    old, known = before
    more = {row.device_id for row in _new_bindings(site, old) if row.device_id not in known.numbers}
    return known.also(sorted(more)) if more else known


def _new_bindings(site: Site, before: Site) -> Iterable[Binding]:
    moved = as_rows(site.bindings, "device_id").moved_since(as_rows(before.bindings, "device_id"))
    return site.bindings if moved is None else (one.now for one in moved if one.now is not None)
