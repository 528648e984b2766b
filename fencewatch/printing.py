"""What the commands print: results on standard output, progress and warnings on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from pipeline.errors import Fault
from sinks.alert import instant_text

if TYPE_CHECKING:  # the engine takes a second to import, which most commands do without
    from pipeline.runtime.replay import ReplaySummary
    from pipeline.stream.arrival_order import At, Jump, Overridden
    from simulators.request import Summary

#: Told how much of how much is done.
Advance = Callable[[int, int], None]


@contextmanager
def bytes_bar(what: str) -> Iterator[Advance | None]:
    """A bar over bytes read, on a terminal only."""
    with _bar(what, DownloadColumn()) as advance:
        yield advance


@contextmanager
def steps_bar(what: str) -> Iterator[Advance | None]:
    """A bar over steps done, on a terminal only."""
    with _bar(what, MofNCompleteColumn()) as advance:
        yield advance


@contextmanager
def _bar(what: str, *amount: DownloadColumn | MofNCompleteColumn) -> Iterator[Advance | None]:
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = TextColumn("{task.description}"), BarColumn(), *amount, TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextmanager
def status_line() -> Iterator[Callable[[str], None]]:
    """A line that is replaced by the next, on a terminal only."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda line: None
        return
    with console.status("") as status:
        yield status.update


def warnings(found: Iterable[Fault | str]) -> None:
    """One line each."""
    for warning in found:
        print(f"warning: {warning}", file=sys.stderr)


def site_report(directory: Path, faults: list[Fault], odd: list[Fault], *, as_json: bool) -> None:
    """All faults, then all warnings, then how many."""
    if as_json:
        print(json.dumps({"faults": [_fields(f) for f in faults], "warnings": [_fields(w) for w in odd]}))
        return
    for fault in faults:
        print(fault)
    for warning in odd:
        print(f"warning: {warning}")
    print(f"{directory}: {len(faults)} faults, {len(odd)} warnings")


def _fields(fault: Fault) -> dict[str, str]:
    return {
        "file": fault.file, "where": fault.where, "wrong": fault.wrong, "expected": fault.expected
    }  # fmt: skip


def replay_summary(summary: ReplaySummary, alerts: Path, out: TextIO, *, as_json: bool) -> None:
    """What was read and found, printed to ``out``."""
    warnings(summary.warnings)
    times = (summary.start_ms, summary.until_ms)
    start, until = (None if ms is None else instant_text(ms) for ms in times)
    if as_json:
        fields = {
            "rows": summary.rows,
            "accepted": summary.accepted,
            "rejected": summary.rejected,
            "alerts": summary.alerts,
            "withdrawn": summary.withdrawn,
            "start": start,
            "until": until,
            "seconds": round(summary.seconds, 3),
            "rows_per_second": round(summary.rows_per_second),
            "out_of_order": [
                _overridden(name, found) for name, found in sorted(summary.out_of_order.items())
            ],
            "jump": None if summary.jump is None else _jump(summary.jump),
            "warnings": summary.warnings,
        }
        print(json.dumps(fields), file=out)
        return
    refused = _counts(summary.rejected, "rejected")
    print(f"rows       {summary.rows:,} read, {summary.accepted:,} accepted{refused}", file=out)
    print(f"clock      {start or '-'} to {until or '-'}", file=out)
    total = sum(summary.alerts.values())
    print(f"alerts     {total:,}{_counts(summary.alerts)}; {summary.withdrawn:,} of them withdrawn", file=out)
    print(f"speed      {summary.seconds:.1f} s, {summary.rows_per_second:,.0f} rows a second", file=out)
    print(f"written    {alerts}", file=out)


def _overridden(name: str, found: Overridden) -> dict[str, object]:
    """Rows of a file that say they arrived before a row ahead of them."""
    return {
        "file": name,
        "rows": found.rows,
        "first_row": found.first_row,
        "most_s": found.most_ms / 1000,
        "most_row": found.most_row,
        "behind": _at(found.behind),
        "too_late": found.too_late,
    }


def _jump(jump: Jump) -> dict[str, object]:
    """Where the clock went furthest ahead at once."""
    return {"seconds": jump.ahead_ms / 1000, "from": _at(jump.before), "to": _at(jump.after)}


def _at(at: At) -> dict[str, object]:
    return {"file": at.file, "row": at.row, "arrival_time": instant_text(at.arrival_ms)}


def _counts(counts: dict[str, int], word: str = "") -> str:
    """Counts by name as they follow a total; nothing where there are none."""
    if not counts:
        return ""
    parts = ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items()))
    lead = f"; {sum(counts.values()):,} {word}: " if word else ": "
    return lead + parts


def simulation_summary(summary: Summary, *, as_json: bool) -> None:
    """What was made up, and where it lies."""
    fields = {
        "scenario": summary.scenario,
        "people": summary.people,
        "devices": summary.devices,
        "pings": summary.pings,
        "confirmations": summary.confirmations,
        "start": instant_text(summary.start_ms),
        "end": instant_text(summary.end_ms),
        "incidents": summary.incidents,
        "look_alikes": summary.look_alikes,
        "site": str(summary.site),
        "pings_file": str(summary.pings_file),
        "confirmations_file": str(summary.confirmations_file),
        "truth_file": str(summary.truth_file),
    }
    if as_json:
        print(json.dumps(fields, ensure_ascii=False))
        return
    for name, value in fields.items():
        print(f"{name.replace('_', ' '):18} {_plain(value)}")


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {count:,}" for name, count in sorted(value.items())) or "none"
    return f"{value:,}" if isinstance(value, int) else str(value)
