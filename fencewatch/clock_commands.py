"""The commands about the clock that a data directory lives by."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import typer

from fencewatch.config import DEFAULT_DATA
from fencewatch.faults import exit_codes
from fencewatch.options import Data, Json
from pipeline.errors import InputError, PipelineError

clock_app = typer.Typer(
    help="The clock that the log is stamped with.", no_args_is_help=True, rich_markup_mode=None
)
#: How long the log's writer may take to follow the machine's clock.
_FOLLOWS_IN_S = 10.0


@clock_app.command("status", epilog="Example: fencewatch clock status")
def clock_status(data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """Whether the machine's clock has jumped and is not followed."""
    with exit_codes():
        report = _status(data)
    if as_json:
        print(json.dumps(report))
        return
    print(f"machine    {report['machine']}")
    print(f"here       {report['here']}, {report['clock']}")
    if report["doubted_s"] is not None:
        until = report["believed_at"]
        print(f"jumped     {report['doubted_s']} s, not followed since {report['since']}")
        print(f"follows    {'when an operator confirms it' if until is None else until}")


@clock_app.command("confirm", epilog="Example: fencewatch clock confirm")
def clock_confirm(data: Data = DEFAULT_DATA) -> None:
    """Say that the machine's clock is right after a jump: the log follows it at once."""
    from pipeline.host.clock import doubt_of
    from pipeline.host.clock_reports import confirm, take_back

    with exit_codes():
        doubt = doubt_of(data)
        if doubt is None:
            raise InputError(f"{data}: no jump of the clock is in doubt; see `fencewatch clock status`")
        confirm(data, doubt)
        ends_s = time.monotonic() + _FOLLOWS_IN_S
        while doubt_of(data) is not None:
            if time.monotonic() > ends_s:
                take_back(data)
                raise PipelineError(f"{data}: nobody writes the log; start what does and confirm again")
            time.sleep(0.1)
    print(f"confirmed: the log follows the machine's clock by {round(doubt.ahead_ms / 1000):+} s")


@clock_app.command("repair", epilog="Example: fencewatch clock repair")
def clock_repair(data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """Put the log's clock back where it was dragged ahead; stop `serve` and `run` before."""
    from fencewatch.clock_repair import repair
    from sinks.alert import instant_text

    with exit_codes():
        if not data.is_dir():
            raise InputError(f"{data}: is no directory; expected a data directory")
        done = repair(data)
    log = done.log
    report = {
        "last": instant_text(log.last_ms), "jumped_to": instant_text(log.jumped_ms), "records": log.records,
        "alerts": done.alerts, "aside": str(done.aside),
    }  # fmt: skip
    if as_json:
        print(json.dumps(report))
        return
    print(f"the log    ends at {report['last']} again, not at {report['jumped_to']}")
    print(f"records    {log.records:,} rewritten")
    print(f"alerts     {done.alerts:,} withdrawn or put back to what they were before the jump")
    print(f"aside      {done.aside}: what was replaced; remove it when all is well")
    print(*done.report, sep="\n")
    print("start `serve` and `run`: the log is judged again")


def _status(data: Path) -> dict[str, Any]:
    from pipeline.host.clock import clock_of, doubt_of, system_now_ms
    from sinks.alert import instant_text

    if not data.is_dir():
        raise InputError(f"{data}: is no directory; expected a data directory")
    clock, doubt = clock_of(data), doubt_of(data)
    believed_ms = None if doubt is None else doubt.believed_ms
    return {
        "machine": instant_text(system_now_ms()),
        "here": instant_text(clock.now_ms()),
        "clock": f"simulated, x{clock.speed:g}" if clock.is_simulated else "real time",
        "doubted_s": None if doubt is None else round(doubt.ahead_ms / 1000),
        "since": None if doubt is None else instant_text(doubt.since_ms),
        "believed_at": None if believed_ms is None else instant_text(believed_ms),
    }
