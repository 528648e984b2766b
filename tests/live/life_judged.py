"""A world that was lived by `serve` and `run`, held against all who judge it afterwards; see the tests."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import killed_at
import pytest
from live.eventful_hours import Step, write_streams
from live.killed_life import AFTERMATH_MS, Deaths, changes_of, lived
from live.living_world import LivingWorld, living_world
from live_system import RUN, SERVE
from replay.command_line import invoked

from pipeline.log.site_record import SiteRecord
from pipeline.reference import judge, read_rows
from pipeline.sites.changes import resolved
from pipeline.sites.documents import SiteDocuments
from pipeline.sites.edits import edited
from pipeline.sites.load import load_documents, load_site
from pipeline.sites.site_versions import KEPT_BY_ROW, IndexedSite
from sinks.alert import alert_line, instant_text

#: Worlds of one process from which on all that may happen has happened in one of them.
MANY = 40
SHARES, SHORT = 4, 2


@dataclass
class Seen:
    """What the worlds of a process came to, by name."""

    counts: Counter[str] = field(default_factory=Counter)

    def lacks(self) -> set[str]:
        """What has not happened so far: places to die at, kinds of alerts and of changes."""
        wanted = {f"died: {place}" for place in (*killed_at.IN_SERVE, *killed_at.IN_RUN)}
        wanted |= {"boundary_violation", "zone_entry", "silent_device", "missed_confirmation"}
        wanted |= {"authorised", "retrospective", "withdrawn", "http", "mail", "import", "refused"}
        wanted |= {"fence", "planned fence", "fence ended", "person", "person ended", "newcomer", "hand-over"}
        wanted |= {"device ended", "leave ahead", "late leave", "leave ended", "office moved", "policy"}
        return {name for name in wanted | {"undone", "holidays"} if not self.counts[name]}


def seeds_of(share: int) -> list[Any]:
    """A quarter of the seeds; in every run of the suite the first two of the first."""
    long = range(share, int(os.environ.get("FENCEWATCH_WORLDS", "48")), SHARES)
    short = SHORT if share == 0 else 0
    return [n if place < short else pytest.param(n, marks=pytest.mark.soak) for place, n in enumerate(long)]


def deaths(seed: int) -> dict[str, Deaths]:
    """Where the two processes kill themselves: at one or two places each, now early, now late."""
    chance = Random(f"deaths {seed}")
    return {
        SERVE: Deaths.drawn(chance, list(killed_at.IN_SERVE), chance.choice((1, 1, 2)), 3),
        RUN: Deaths.drawn(chance, list(killed_at.IN_RUN), chance.choice((1, 1, 2)), 4),
    }


def judge_a_life(seed: int, tmp_path: Path, seen: Seen) -> None:
    """The world of a seed is lived, and whole lines are compared; fails where any differs.

    In memory where there is some: processes are killed, not the machine, and nobody has to wait for a disk.
    """
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else tmp_path) as home:
        _judge_a_life(seed, Path(home), seen)


def _judge_a_life(seed: int, tmp_path: Path, seen: Seen) -> None:
    world, told = living_world(seed), deaths(seed)
    system, answered = lived(tmp_path, world, told)
    changes = changes_of(system.data)
    assert sorted(answered) == [change.number for change in changes], "in force once, whoever was killed"
    live = system.lines()
    _same(seed, "replay --log", live, _replayed(tmp_path / "by-log.ndjson", "--log", system.data))
    export = tmp_path / "export"
    assert invoked("site", "export", export, "--data", system.data).exit_code == 0
    assert _rows(load_documents(export)) == _rows(_folded(world, changes)), "exported is what was asked for"
    streams, until_ms = _streams(world, tmp_path), world.steps[-1].at_ms + AFTERMATH_MS - 1
    words = ["--site", export, *streams, "--until", instant_text(until_ms)]
    by_files = _replayed(tmp_path / "by-files.ndjson", *words)
    kept = list(_without_undone(live, by_files, changes))
    _same(seed, "replay by the exported site", kept, by_files)
    rows, _ = read_rows(load_site(export), [tmp_path / "pings.ndjson"], [tmp_path / "confirmations.ndjson"])
    plain = [alert_line(alert) for alert in judge(load_site(export), rows, until_ms)]
    _same(seed, "the plain rules", kept, plain)
    died = system.noted.read_text().split("\n")[:-1]
    assert died, "somebody was killed"
    _note(seen, live, world, died)


def _replayed(alerts: Path, *words: str | Path) -> list[bytes]:
    done = invoked("replay", *words, "--alerts", alerts, "--json")
    assert done.exit_code == 0, done.output
    return alerts.read_bytes().splitlines(keepends=True)


def _streams(world: LivingWorld, folder: Path) -> list[str | Path]:
    return write_streams([Step(step.at_ms, step.pings, step.confirmations) for step in world.steps], folder)


def _folded(world: LivingWorld, changes: Sequence[SiteRecord]) -> SiteDocuments:
    """The site of the beginning with all that was asked for, each where the log has it."""
    site = world.begun
    for found in changes:
        site = edited(site, resolved(IndexedSite(site), list(found.change.operations), found.at_ms).edits)
    return site


def _rows(site: SiteDocuments) -> dict[str, list[str]]:
    tables = {
        table: sorted(json.dumps(row, sort_keys=True) for row in site.table(table)) for table in KEPT_BY_ROW
    }
    return tables | {"policy": [site.policy], "holidays": [site.holidays]}


def _without_undone(
    live: Sequence[bytes], expected: Sequence[bytes], changes: Sequence[SiteRecord]
) -> Iterator[bytes]:
    """Without alerts that a change withdrew, and that nobody raises who knows the last site."""
    moments = {instant_text(change.at_ms) for change in changes}
    for line in live:
        if line in expected or json.loads(line)["withdrawn_at"] not in moments:
            yield line


def _same(seed: int, how: str, live: Sequence[bytes], other: Sequence[bytes]) -> None:
    """As whole lines in their order; names the first that differs."""
    pairs = zip([*live, b""], [*other, b""], strict=False)
    first = next(((number, *pair) for number, pair in enumerate(pairs, 1) if pair[0] != pair[1]), None)
    assert live == other, f"seed {seed}: line (number, live, {how}): {first}"


def _note(seen: Seen, live: Sequence[bytes], world: LivingWorld, died: Sequence[str]) -> None:
    alerts = [json.loads(line) for line in live]
    changes = [change for step in world.steps for change in step.changes]
    seen.counts.update(["worlds", *(f"died: {place}" for place in died), *(one["kind"] for one in alerts)])
    marks = {"authorised_by": "authorised", "retrospective": "retrospective", "withdrawn_at": "withdrawn"}
    seen.counts.update(mark for one in alerts for name, mark in marks.items() if one[name])
    seen.counts.update(change.kind if change.is_sound else "refused" for change in changes)
    seen.counts.update(change.way for change in changes)
