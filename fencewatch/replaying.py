"""`fencewatch replay --log`: the log of a data directory, with the site as its registry has it."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from fencewatch import printing
from pipeline.errors import InputError
from pipeline.host.outputs import is_standard_output, refuse_clashes

if TYPE_CHECKING:
    from pipeline.runtime.replay import ReplaySummary


def replay_of_log(
    data: Path, alerts: Path, rejects: Path | None, until_ms: int | None, *, as_json: bool
) -> None:
    """Replay and print what was found. Raises InputError where the directory holds no log or no site."""
    from pipeline.log.journal.embedded import embedded
    from pipeline.registry.registry import REGISTRY, Registry
    from pipeline.runtime.beginning import recorded
    from pipeline.runtime.log_replay import LogReplayRequest, replay_log

    refuse_clashes({"--alerts": alerts, "--rejects": rejects}, [("the registry", data / REGISTRY)])
    if not (data / REGISTRY).exists():
        raise InputError(f"{data / REGISTRY}: is missing; expected the data directory of a live system")
    with closing(Registry.open(data / REGISTRY)) as registry:
        request = LogReplayRequest(embedded(data / "journal"), recorded(registry), alerts, rejects, until_ms)
        with printing.bytes_bar("replaying") as progress:
            summary = replay_log(request, progress)
    print_summary(summary, alerts, rejects, as_json=as_json)


def print_summary(summary: ReplaySummary, alerts: Path, rejects: Path | None, *, as_json: bool) -> None:
    """What a replay found, on standard error where one of its files is the standard output."""
    taken = any(path is not None and is_standard_output(path) for path in (alerts, rejects))
    printing.replay_summary(summary, alerts, sys.stderr if taken else sys.stdout, as_json=as_json)
