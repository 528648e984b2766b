"""What the way of arriving may not change: rows sent again, another order, backfill in parts."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from engine.engine_run import EngineRun, engine_lines, to_batch
from engine.harsh_world import harsh_world
from engine.random_world import World, random_world
from engine.world_files import RecordedRows, write_streams
from seeds import seeds

from geofences.instant import BEGIN_MS
from pipeline.engine.compiled_site import CompiledSite
from pipeline.ping import CONFIRMATION, PING
from pipeline.reference import ReferenceRow
from pipeline.reference.subjects import Subjects, Tie
from pipeline.sites.records import Site
from sinks.alert import Alert, alert_line

HOUR_MS = 3_600_000
LATENESS_MS = 300_000


@pytest.mark.parametrize("seed", seeds(30))
def test_rows_sent_again_change_nothing(seed: int, tmp_path: Path) -> None:
    """Through real files and the real intake: every row comes again, once or more, at any later place."""
    chance = random.Random(seed)
    world = unshifted((random_world, harsh_world)[seed % 2](seed))
    expected = engine_lines(world.site, world.rows, world.until_ms)
    sent = [row for kind in (PING, CONFIRMATION) for row in again(chance, world.rows, kind)]
    pings, confirmations = write_streams(sent, tmp_path)
    log = RecordedRows(world.site, [pings], [confirmations], chance.choice([1, 13, 1_000]))
    got, rejected = lines_of_files(log, world.until_ms, shards=chance.choice([1, 4]))
    assert got == expected, f"seed {seed}"
    assert sum(rejected.values()) == len(sent) - len(world.rows)
    assert set(rejected) <= {"duplicate", "too_late"}


def unshifted(world: World) -> World:
    """Positions given as they are: files hold one position, not two."""
    return replace(world, rows=[replace(row, given_lon=row.lon, given_lat=row.lat) for row in world.rows])


def again(chance: random.Random, rows: Sequence[ReferenceRow], kind: int) -> list[ReferenceRow]:
    """One kind's rows, each with copies behind it, arriving like their neighbours or the first."""
    sent = [row for row in rows if row.kind == kind]
    for row in [row for row in sent for _ in range(chance.choice([1, 1, 1, 3]))]:
        place = chance.randint(sent.index(row) + 1, len(sent))
        arrival_ms = chance.choice([row.given_arrival_ms, sent[place - 1].arrival_ms])
        copy = replace(row, given_arrival_ms=arrival_ms, arrival_ms=sent[place - 1].arrival_ms, source="cell")
        sent.insert(place, copy)
    return sent


def lines_of_files(
    log: RecordedRows, until_ms: int | None, shards: int
) -> tuple[list[bytes], dict[str, int]]:
    """The alert file the engine makes of files, and what the intake rejected."""
    intake = log.intake()
    run: EngineRun | None = None
    for batch in log.open():
        taken = intake.ingest(batch).accepted
        if until_ms is not None:
            taken = taken.select(taken.arrival_ms <= until_ms)
        if run is None and intake.start_ms is not None:
            run = EngineRun(CompiledSite.of(log.site, shards), intake.start_ms)
        if run is not None:
            run.ingest(taken)
    if run is None or intake.clock_ms is None:
        return [], dict(intake.rejected)
    run.finish(intake.clock_ms if until_ms is None else until_ms)
    return [alert_line(alert) for alert in run.ledger.alerts()], dict(intake.rejected)


@pytest.mark.parametrize("seed", seeds(40))
def test_another_order_of_arrival_within_the_lateness(seed: int) -> None:
    """Each row comes up to the lateness after its time: no fix is then farther behind the newest than that.

    Two things follow arrivals by their own nature and are left out: silences and confirmations in time, and
    leaves that count for fixes arriving from their approval on. A heartbeat before all starts every clock.
    """
    world = settled((random_world, harsh_world)[seed % 2](seed), lateness_ms=LATENESS_MS)
    rows = one_face_each(world.rows)
    chance = random.Random(seed)
    orders = [arriving(rows, lambda row: 0)]
    orders += [arriving(rows, lambda row: chance.randrange(LATENESS_MS)) for _ in range(3)]
    orders.append(arriving(rows, lambda row: LATENESS_MS - row.event_ms % 2))
    expected, *others = (boundary_lines(world.site, order) for order in orders)
    for number, got in enumerate(others):
        assert got == expected, f"seed {seed}, order {number}"


def settled(world: World, *, lateness_ms: int) -> World:
    """The world with leaves that always counted, and a lateness of ours."""
    leaves = tuple(replace(leave, approved_at_ms=BEGIN_MS) for leave in world.site.leaves)
    policy = replace(world.site.policy, allowed_lateness_ms=lateness_ms, backfill_horizon_ms=1_000 * HOUR_MS)
    return replace(world, site=replace(world.site, leaves=leaves, policy=policy))


def one_face_each(rows: Sequence[ReferenceRow]) -> list[ReferenceRow]:
    """Of confirmations equal but for their faces one is left: their order would tell arrivals apart."""
    return list({(r.kind, r.device_id, r.event_ms, r.given_lon, r.given_lat): r for r in rows}.values())


def arriving(rows: Sequence[ReferenceRow], late_ms: Callable[[ReferenceRow], int]) -> list[ReferenceRow]:
    """The rows so much after their times, in the order of their arrivals, behind a heartbeat before all."""
    first = min(rows, key=lambda row: row.event_ms)
    at_ms = first.event_ms - HOUR_MS
    moved = [(row.event_ms + late_ms(row), row) for row in rows]
    timed = [replace(row, arrival_ms=ms, given_arrival_ms=ms) for ms, row in moved]
    return [
        ReferenceRow(PING, first.device_id, at_ms, at_ms),
        *sorted(timed, key=lambda row: (row.arrival_ms, row.kind)),
    ]


def boundary_lines(site: Site, rows: Sequence[ReferenceRow]) -> list[bytes]:
    """Boundary alerts that were not withdrawn, judged to a common end."""
    until_ms = max(row.event_ms for row in rows) + HOUR_MS
    run = judged(site, rows, until_ms)
    return [alert_line(a) for a in run if a.withdrawn_ms is None and a.device_id is not None and a.evidence]


def judged(site: Site, rows: Sequence[ReferenceRow], until_ms: int) -> list[Alert]:
    run = EngineRun(CompiledSite.of(site), rows[0].arrival_ms)
    run.ingest(to_batch(site, rows))
    run.finish(until_ms)
    return run.ledger.alerts()


@pytest.mark.parametrize("seed", seeds(40))
def test_backfill_in_any_parts_and_order(seed: int) -> None:
    """Backfill handed in after all else: at once, bit by bit, newest first or shuffled."""
    world = settled((random_world, harsh_world)[seed % 2](seed), lateness_ms=0)
    live, old = apart(world, random.Random(seed))
    expected, *others = (
        retrospective_lines(world.site, live, part)
        for part in (old, old[::-1], *(shuffled(old, seed + number) for number in range(3)))
    )
    for number, got in enumerate(others):
        assert got == expected, f"seed {seed}, order {number}"


def apart(world: World, chance: random.Random) -> tuple[list[ReferenceRow], list[ReferenceRow]]:
    """Rows that come in order, and those of the same bindings that come after a newer one."""
    rows = sorted(one_face_each(world.rows), key=lambda row: row.event_ms)
    subjects = Subjects(world.site)

    def tie(row: ReferenceRow) -> Tie | None:
        bound = subjects.tie_at(row.device_id, row.event_ms)
        known = bound is not None and subjects.person_at(bound.person_id, row.event_ms) is not None
        return bound if known and row.position is not None else None

    live = [row for row in rows if chance.random() < 0.4]
    newest_ms = {tie(row): row.event_ms for row in live}
    kept = {id(row) for row in live}
    old = [row for row in rows if id(row) not in kept and row.event_ms < newest_ms.get(tie(row), BEGIN_MS)]
    return live, [row for row in old if tie(row) is not None]


def shuffled(rows: Sequence[ReferenceRow], seed: int) -> list[ReferenceRow]:
    return random.Random(seed).sample(rows, len(rows))


def retrospective_lines(site: Site, live: Sequence[ReferenceRow], old: Sequence[ReferenceRow]) -> list[bytes]:
    """What backfill raises that was not withdrawn, and the live alerts with it, which it may not touch."""
    if not live:
        return []
    later_ms = live[-1].event_ms
    rows = [replace(row, arrival_ms=row.event_ms, given_arrival_ms=row.event_ms) for row in live]
    rows += [
        replace(row, arrival_ms=later_ms + number, given_arrival_ms=later_ms + number)
        for number, row in enumerate(old)
    ]
    found = judged(site, rows, later_ms + HOUR_MS)
    return [alert_line(a) for a in found if a.evidence and (a.withdrawn_ms is None or not a.retrospective)]
