"""What a scenario is asked for, and what it says it has done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from simulators.ground import Boundary, LocalPlane, Place
from simulators.movement import Movement
from simulators.reporting import Air, Reporter, Rows
from simulators.stream_writer import PingFile
from simulators.truth import Incident

#: Called with the slices of time done and those in all.
Progress = Callable[[int, int], None]

#: What a scenario writes beside the truth, by which a directory of ours is known.
WRITTEN, TRUTH = ("site", "pings.parquet", "confirmations.parquet"), "truth.ndjson"

#: Rows that are made and sorted at a time: what bounds the memory.
_SLICE_ROWS = 400_000


@dataclass(frozen=True, slots=True)
class Request:
    """A scenario's arguments; ``bounds_ms`` is half open, ``interval_ms`` None where not given."""

    scenario: str
    people: int
    bounds_ms: tuple[int, int]
    seed: int
    out: Path
    progress: Progress
    interval_ms: int | None
    boundary: Boundary
    place: Place


@dataclass(frozen=True, slots=True)
class Summary:
    """What was written. ``incidents`` counts the truth by kind, ``look_alikes`` what only looks wrong."""

    scenario: str
    people: int
    devices: int
    pings: int
    confirmations: int
    start_ms: int
    end_ms: int
    site: Path
    pings_file: Path
    confirmations_file: Path
    truth_file: Path
    incidents: dict[str, int] = field(default_factory=dict)
    look_alikes: dict[str, int] = field(default_factory=dict)

    def moved(self, out: Path) -> Summary:
        """The same with the usual files in another directory."""
        site, pings_file, confirmations_file, truth_file = _usual_files(out)
        return replace(
            self,
            site=site,
            pings_file=pings_file,
            confirmations_file=confirmations_file,
            truth_file=truth_file,
        )


def _usual_files(out: Path) -> tuple[Path, Path, Path, Path]:
    site, pings, confirmations = (out / name for name in WRITTEN)
    return site, pings, confirmations, out / TRUTH


def summary(
    request: Request,
    devices: int,
    rows: tuple[int, int],
    incidents: Iterable[Incident],
    look_alikes: dict[str, int],
) -> Summary:
    """A summary of the usual files; ``rows`` are those of pings and confirmations."""
    kinds = Counter(incident.kind for incident in incidents)
    return Summary(
        request.scenario,
        request.people,
        devices,
        *rows,
        *request.bounds_ms,
        *_usual_files(request.out),
        dict(sorted(kinds.items())),
        look_alikes,
    )


def write_pings(
    request: Request,
    file: PingFile,
    reporters: Sequence[Reporter],
    movement: Movement,
    plane: LocalPlane,
    air: Air,
) -> None:
    """Let all devices report, a slice of time at a time."""
    start_ms, end_ms = request.bounds_ms
    per_ms = sum(len(reporter.device) / reporter.interval_ms for reporter in reporters)
    longest_ms = max(reporter.interval_ms for reporter in reporters)
    whole_ms = end_ms - start_ms + longest_ms
    slice_ms = min(max(int(_SLICE_ROWS / per_ms), longest_ms), whole_ms)
    slices = -(-whole_ms // slice_ms)
    for number in range(slices):
        parts: list[Rows] = []
        settled_ms = end_ms if number == slices - 1 else 1 << 60
        for reporter in reporters:
            first, last = (-(-edge * slice_ms // reporter.interval_ms) for edge in (number, number + 1))
            parts.append(reporter.report(range(first, last), movement, plane, air))
            settled_ms = min(settled_ms, reporter.earliest_ms(last)) if number < slices - 1 else end_ms
        file.add(Rows.joined(parts), settled_ms)
        request.progress(number + 1, slices)
