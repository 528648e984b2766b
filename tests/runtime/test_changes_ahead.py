"""Changes that are compiled before a shard gets to the first of them, as in a backlog after a restart."""

from __future__ import annotations

from pathlib import Path

from live.changing_hours import changes_at
from live.eventful_hours import START_MS, write_eventful_site

from pipeline.engine.names import scope_numbers
from pipeline.runtime.beginning import Beginning
from pipeline.runtime.site_history import SiteHistory, SiteMoved
from pipeline.sites.changes import resolved
from pipeline.sites.load import load_documents

MINUTE_MS, SHARDS = 60_000, 4


def test_each_name_stands_once_though_later_changes_are_there_already(tmp_path: Path) -> None:
    """A scope that stood twice was taken for one that went and came again, and its open alerts were lost."""
    site = write_eventful_site(tmp_path / "site")
    history = SiteHistory(shards=SHARDS)
    history.begin_with(Beginning.of(load_documents(site)))
    shards = [history.make_shard(number) for number in range(SHARDS)]
    for shard in shards:
        shard.start(START_MS)
        shard.checkpoint()  # which bears the names
    moves: list[SiteMoved] = []
    for number in range(len(changes_at(START_MS))):
        at_ms = START_MS + (number + 1) * MINUTE_MS
        edits = resolved(history.rows, changes_at(at_ms)[number], at_ms).edits
        moves.append(history.take(list(edits), at_ms))
    assert sum(move.compiled.splice is not None for move in moves) > 3
    for move in moves:
        shards = [shard.moved_to(move.compiled, move.at_ms, START_MS)[0] for shard in shards]
        fences = move.compiled.fences
        named = {number: (scope.keep_in, scope.name) for number, scope in enumerate(fences.scopes)}
        there = [number if number < fences.scope_count else -1 for number in named]
        assert scope_numbers(named, fences).tolist() == there, "those of later changes are none yet"
