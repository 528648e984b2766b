"""Whose a row is, looked up at once, is what searching its device's bindings and their rows finds."""

from __future__ import annotations

import random

import numpy as np
import pytest
from engine.harsh_world import harsh_world
from engine.random_world import MINUTE_MS, random_world

from geofences.instant import BEGIN_MS, END_MS
from pipeline.engine.compiled_site import CompiledSite
from pipeline.engine.current_subjects import CurrentSubjects
from pipeline.engine.subject_table import build_subject_table

ROWS = 600


@pytest.mark.parametrize("seed", range(12))
def test_it_finds_what_is_searched_for(seed: int) -> None:
    """Devices handed over, of nobody, of other shards; instants at, before and after every change."""
    chance = random.Random(seed)
    world = (random_world, harsh_world)[seed % 2](seed)
    compiled = CompiledSite.of(world.site, 2)
    spans = [(row.valid_from_ms, row.valid_to_ms) for row in world.site.bindings]
    spans += [(row.valid_from_ms, row.valid_to_ms) for row in world.site.people]
    turns = [at_ms for span in spans for at_ms in span]
    turns = [at_ms for at_ms in turns if BEGIN_MS < at_ms < END_MS] + [row.event_ms for row in world.rows]
    device = np.array([chance.randrange(len(compiled.division.device_ids)) for _ in range(ROWS)], np.int32)
    event_ms = np.array([chance.choice(turns) + chance.choice([-1, 0, 1]) for _ in range(ROWS)], np.int64)
    late_ms = [chance.choice([0, 0, 1, MINUTE_MS, -MINUTE_MS, 90 * MINUTE_MS]) for _ in range(ROWS)]
    arrival_ms = event_ms + np.array(late_ms, np.int64)
    heard = 0
    for shard in (0, 1):
        current = CurrentSubjects(build_subject_table(compiled.division, shard))
        found = current.whose(device, event_ms, arrival_ms)
        searched = current._search(device.astype(np.int64), event_ms, arrival_ms)
        for name in ("binding", "row", "episode"):
            np.testing.assert_array_equal(getattr(found, name), getattr(searched, name), name)
        within = found.episode >= 0
        np.testing.assert_array_equal(found.kind[within], searched.kind[within])
        heard += int(within.sum())
    assert heard > ROWS // 10, "hardly anybody was heard of"
