"""Before work on a data directory begins: its stores are compared, and people are told what is wrong."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from pipeline.host.clock import clock_of
from pipeline.log.journal import Journal
from pipeline.upkeep.kinds import stamp
from pipeline.upkeep.store import FOLLOWING, Finding, Store
from pipeline.upkeep.stores import Standing, StoresUnfit, adopt, enter, give_up, look
from sinks.bearing import Bearing
from sinks.operations_log import OPERATIONS, OperationsLog

#: How long an answer about the stores is good for, in seconds.
_FRESH_S = 2.0


def entered(data: Path) -> list[Finding]:
    """What is wrong with the stores and hinders nobody, told already. Raises StoresUnfit."""
    try:
        found = enter(data)
    except StoresUnfit as wrong:
        report(data, "store_unfit", wrong.findings)
        raise
    report(data, "store_unfit", found)
    for finding in found:
        print(f"warning: {finding}", file=sys.stderr, flush=True)
    return found


def fit(data: Path, store: Store) -> None:
    """Whether one store may be worked on, whatever the others are. Raises StoresUnfit."""
    if wrong := [finding for finding in look(data).findings() if finding.ends and finding.store is store]:
        raise StoresUnfit(wrong)


def settled(data: Path, found: Iterable[Finding]) -> Standing:
    """The stores that the engine has opened: they bear the identity, and what some of them lack."""
    identity = adopt(data, Store)
    seen = look(data, is_quick=True)
    for store in {finding.store for finding in found if finding.store in FOLLOWING}:
        bearing = seen.stores[store].bearing
        if store is Store.STATE:
            stamp(data, store, Bearing(identity))
        elif bearing is None or bearing.position < seen.consumed:
            give_up(data, store, identity, seen.consumed)
    return Standing(data)


def problems_of(data: Path, standing: Standing) -> Callable[[], list[str]]:
    """What is wrong with the stores now, while they are in use, as lines; looked at every few seconds."""
    known: list[str] = []
    known_at_s = -_FRESH_S

    def problems() -> list[str]:
        nonlocal known, known_at_s
        if time.monotonic() - known_at_s >= _FRESH_S:
            found = [*standing.findings(), *look(data, is_quick=True).findings()]
            known, known_at_s = list(dict.fromkeys(map(str, found))), time.monotonic()
        return known

    return problems


def report(data: Path, kind: str, found: Iterable[Finding]) -> None:
    """Findings into the operations log."""
    log, now_ms = OperationsLog(data / OPERATIONS), clock_of(data).now_ms()
    for finding in found:
        log.append(now_ms, kind, {"store": finding.path.name, "wrong": finding.wrong, "todo": finding.todo})


def report_damage(data: Path, journal: Journal) -> None:
    """A log that cannot be read to its end: rows are taken all the same, the engine stops there."""
    if journal.damage is None:
        return
    details = {
        "file": str(journal.damage.segment),
        "byte": journal.damage.position,
        "record": journal.damage.number,
    }
    OperationsLog(data / OPERATIONS).append(clock_of(data).now_ms(), "log_damaged", details)
    print(f"warning: {journal.damage}; rows are taken meanwhile", file=sys.stderr, flush=True)


def report_done(data: Path, kind: str, line: str) -> None:
    """Something that a person had done to the stores, on standard output and in the operations log."""
    OperationsLog(data / OPERATIONS).append(clock_of(data).now_ms(), kind, {"done": line})
    print(line, flush=True)
