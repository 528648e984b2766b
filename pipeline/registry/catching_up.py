"""What the log says and the registry does not know yet, as after a kill between the two."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from pipeline.log.protocol import Log
from pipeline.log.record import SITE
from pipeline.log.site_record import SiteRecord
from pipeline.registry.registry import Registry


def catch_up(registry: Registry, log: Log, taken: Callable[[SiteRecord], object] = lambda _: None) -> int:
    """Takes all changes that the log has after the registry's place; how many there were.

    Raises RecordsGoneError where the log has let go of some of what is lacking, and LogDamagedError where
    it cannot be read so far: no change can be made before that is known.
    """
    count = 0
    with closing(log.reader(registry.position)) as reader:
        if reader.end_offset <= reader.offset:
            return 0
        while records := reader.poll():
            for record in records:
                if record.kind == SITE and registry.take(found := SiteRecord.of(record)):
                    count += 1
                    taken(found)
        registry.reached(reader.offset)
    return count
