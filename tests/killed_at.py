"""Where `serve` and `run` kill themselves: places within their work, each when it is met for the n-th time.

Imported by a forked command before it begins (``fork_server``), told by its environment what to do:

    KILLED_AT=PLACE:N     SIGKILL when a place of the list below is met so often
    KILLED_NOTED=FILE     the place is written there first
    HURRIED=1             state is kept twice a second, figures are told many times, instead of now and then
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import timedelta
from functools import partial, wraps
from importlib import import_module
from typing import Any

#: A function of the program, by module and name within it, and whether it is met as it begins or is done.
Spot = tuple[str, str, str]

#: The process that takes rows and changes.
IN_SERVE: dict[str, Spot] = {
    "rows durable, unanswered": ("pipeline.log.journal.journal", "Journal.append", "rows"),
    "change resolved, not written": ("pipeline.log.journal.journal", "Journal.append", "before a change"),
    "change durable, not registered": ("pipeline.log.journal.journal", "Journal.append", "change"),
    "change registered, unanswered": ("pipeline.registry.registry", "Registry.take", "done"),
}
#: The process that judges.
IN_RUN: dict[str, Spot] = {
    "rows judged, nothing told": ("pipeline.engine.shard", "Shard.step", "done"),
    "alerts in the queue": ("sinks.disposal.disposal_queue", "DisposalQueue.apply", "done"),
    "positions put": ("sinks.positions", "PositionStore.put", "done"),
    "site compiled, no shard moved": ("pipeline.runtime.site_history", "SiteHistory.take", "done"),
    "a shard moved": ("pipeline.engine.shard", "Shard.moved_to", "done"),
    "tracks archived": ("sinks.tracks", "TrackArchive.append", "done"),
    "a part of the state kept": ("pipeline.runtime.checkpoints", "CheckpointStore._write", "done"),
    "rows of the state kept": ("pipeline.runtime.checkpoints", "CheckpointStore._grow", "done"),
    "stores told how far": ("fencewatch.running", "Outputs.reached", "done"),
}


def environment(place: str, nth: int, noted: str) -> dict[str, str]:
    """What to give a command that is to be killed there."""
    return {"KILLED_AT": f"{place}:{nth}", "KILLED_NOTED": noted}


def set_up() -> None:
    """What the environment says, done to this process."""
    if "HURRIED" in os.environ:
        _hurry()
    if "KILLED_AT" in os.environ:
        place, _, nth = os.environ["KILLED_AT"].rpartition(":")
        _lay(({**IN_SERVE, **IN_RUN})[place], _Death(place, int(nth)))


def _hurry() -> None:
    running = import_module("fencewatch.running")
    request = running.LiveRequest
    setattr(running, "LiveRequest", partial(request, epoch=timedelta(seconds=0.5)))  # noqa: B010
    setattr(running, "_FIGURES_EVERY_S", 0.05)  # noqa: B010


class _Death:
    def __init__(self, place: str, nth: int) -> None:
        self._place, self._left = place, nth

    def comes(self) -> None:
        self._left -= 1
        if self._left == 0:
            with open(os.environ["KILLED_NOTED"], "a", encoding="utf-8") as noted:
                noted.write(f"{self._place}\n")
            os.kill(os.getpid(), signal.SIGKILL)


def _lay(spot: Spot, death: _Death) -> None:
    module, path, when = spot
    owner: Any = import_module(module)
    *owners, name = path.split(".")
    for each in owners:
        owner = getattr(owner, each)
    setattr(owner, name, _watched(getattr(owner, name), when, death))


def _watched(function: Callable[..., Any], when: str, death: _Death) -> Callable[..., Any]:
    from pipeline.log.record import CONFIRMATIONS, PINGS, SITE

    @wraps(function)
    def watched(*given: Any, **named: Any) -> Any:
        kinds = {entry.kind for entry in given[1]} if when in ("rows", "change", "before a change") else set()
        if when == "before a change" and SITE in kinds:
            death.comes()
        done = function(*given, **named)
        has_come = {"done": True, "rows": bool(kinds & {PINGS, CONFIRMATIONS}), "change": SITE in kinds}
        if has_come.get(when, False):
            death.comes()
        return done

    return watched


set_up()
