"""Changes are compiled before the shards get to them, each shard as far behind as it happens to be.

All versions of a site share columns and lists that grow at their end; so what a shard sees of its own
version must not depend on how many later ones there are by then. The definition knows only the last site.
"""

from __future__ import annotations

import json
import random
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
from engine.changing_site import story
from engine.engine_run import to_batch
from engine.harsh_world import harsh_world
from engine.random_world import World, random_world
from engine.site_changes import change_between
from engine.test_changing_site import without_foreign_fixes

from geofences.instant import END_MS
from pipeline.engine.compiled_site import CompiledSite
from pipeline.engine.shard import Shard
from pipeline.ping import PingBatch
from pipeline.reference import judge
from pipeline.sites.records import Site
from pipeline.stream.division import divide
from pipeline.stream.items import Accepted, Router
from sinks.alert import alert_line
from sinks.ledger import AlertLedger

SHARDS = 3
#: A change from an instant on, or rows.
Item = tuple[int, Site] | PingBatch


def log_of(world: World, until_ms: int) -> Iterator[Item]:
    """Rows and changes in the order of the log; at first the site that all begins with."""
    rows = [row for row in world.rows if row.arrival_ms <= until_ms]
    whole, start_ms = to_batch(world.site, rows), rows[0].arrival_ms
    changes = story(world.seed, world.site, start_ms, until_ms)
    first = max(number for number, (at_ms, _) in enumerate(changes) if number == 0 or at_ms < start_ms)
    place = 0
    for (at_ms, site), (next_ms, _) in pairwise([*changes[first:], (END_MS, world.site)]):
        if at_ms > until_ms:
            return
        yield at_ms, site
        end = next((n for n, row in enumerate(rows) if row.arrival_ms > next_ms), len(rows))
        for begin, stop in pairwise([*range(place, end, 5), end]):
            yield whole.select(slice(begin, stop))
        place = max(place, end)


class Lagging:
    """Shards with a queue each, and what goes ahead of them: changes compiled, rows routed."""

    def __init__(self, site: Site, device_ids: Sequence[str], start_ms: int) -> None:
        self.compiled = CompiledSite.of(site, SHARDS, device_ids)
        self.ledger = AlertLedger()
        self.spliced = 0
        self._site, self._start_ms = site, start_ms
        self._router = Router(self.compiled.division)
        self._queues: list[deque[Accepted | tuple[CompiledSite, int]]] = [deque() for _ in range(SHARDS)]
        self._shards = [Shard(self.compiled, number) for number in range(SHARDS)]
        for shard in self._shards:
            shard.start(start_ms)

    def go_ahead(self, item: Item) -> None:
        """Takes the next of the log, whether or not any shard has come so far."""
        if isinstance(item, PingBatch):
            for routed in self._router.route(Accepted(item, self._start_ms, None)):
                self._queues[routed.shard].append(routed.accepted)
            return
        at_ms, site = item
        same = (self._site.offices, self._site.later_policies) == (site.offices, site.later_policies)
        made = self.compiled.changed(change_between(self._site, site)) if same else None
        self.spliced += made is not None
        device_ids = self.compiled.division.device_ids
        self.compiled, self._site = made or CompiledSite.of(site, SHARDS, device_ids), site
        self._router = Router(CompiledSite.of(site, SHARDS, device_ids).division)
        for queue in self._queues:
            queue.append((self.compiled, at_ms))

    def catch_up(self, number: int) -> bool:
        """One shard takes the next of its queue; False where it has caught up."""
        if not self._queues[number]:
            return False
        item, shard = self._queues[number].popleft(), self._shards[number]
        if isinstance(item, Accepted):
            assert item.rows is not None
            self.ledger.write(shard.step(item.rows))
        else:
            self._shards[number], alerts = shard.moved_to(*item, self._start_ms)
            self.ledger.write(alerts)
        return True

    def keep(self, number: int) -> None:
        """A shard's state is kept, under the names that it has at its own place."""
        shard = self._shards[number]
        shard.checkpoint()
        scopes = list(shard._scopes_in_use().values())
        assert len(set(scopes)) == len(scopes), "each name stands once"

    def finish(self, until_ms: int) -> None:
        """All catch up and go on in new shards that know nothing but what was kept."""
        for number in range(SHARDS):
            while self.catch_up(number):
                pass
        whole = CompiledSite.of(self._site, SHARDS, self.compiled.division.device_ids)
        for number, shard in enumerate(self._shards):
            new = Shard(whole, number)
            self.ledger.write(new.restore(shard.checkpoint().stored(), self._start_ms))
            new.start(self._start_ms)
            self.ledger.write(new.advance(until_ms + 1))


def assert_same(world: World, ahead_most: int) -> int:
    """Whole lines, but for alerts that a change withdrew; returns how many changes were spliced."""
    chance = random.Random(f"lag {world.seed}")
    until_ms = world.rows[-1].arrival_ms if world.until_ms is None else world.until_ms
    items = list(log_of(world, until_ms))
    assert not isinstance(items[0], PingBatch)
    lagging = Lagging(items[0][1], divide(world.site, 1).device_ids, world.rows[0].arrival_ms)
    ahead = 0
    for item in items[1:]:
        lagging.go_ahead(item)
        ahead += 1
        if ahead == ahead_most or chance.random() < 0.1:
            ahead = 0
            for _ in range(chance.randrange(3 * ahead_most)):
                number = chance.randrange(SHARDS)
                lagging.catch_up(number)
                if chance.random() < 0.1:
                    lagging.keep(number)
    lagging.finish(until_ms)
    expected = {alert_line(alert) for alert in judge(world.site, world.rows, world.until_ms)}
    found = lagging.ledger.alerts()
    moments = {item[0] for item in items if not isinstance(item, PingBatch)}
    undone = {alert_line(alert) for alert in found if alert.withdrawn_ms in moments} - expected
    got = {alert_line(alert) for alert in found} - undone
    missing, extra = sorted(expected - got), sorted(got - expected)
    assert got == expected, (
        f"seed {world.seed}, up to {ahead_most} ahead: missing "
        f"{json.dumps([line.decode() for line in missing[:2]], indent=1)}, not expected {extra[:2]}"
    )
    return lagging.spliced


@pytest.mark.parametrize("seed", range(10))
def test_a_shard_sees_nothing_of_changes_that_it_has_not_come_to(seed: int) -> None:
    spliced = assert_same(without_foreign_fixes(random_world(seed)), ahead_most=30)
    assert spliced + assert_same(without_foreign_fixes(harsh_world(seed)), ahead_most=8), "of a change"


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10, 60))
def test_shards_of_many_worlds_lag(seed: int) -> None:
    assert_same(without_foreign_fixes(random_world(seed)), ahead_most=8)
    assert_same(without_foreign_fixes(random_world(seed)), ahead_most=200)
    assert_same(without_foreign_fixes(harsh_world(seed)), ahead_most=50)
