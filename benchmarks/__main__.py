"""``python -m benchmarks``, which ``fencewatch bench`` starts: measures, then prints."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

from rich.console import Console

from benchmarks.printing import print_report
from benchmarks.registry import BENCHMARKS
from benchmarks.settings import Settings

Number = TypeVar("Number", int, float)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks named, all without a name; one JSON object a line with ``--json``."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if unknown := [name for name in given.names if name not in BENCHMARKS]:
        parser.error(f"no benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}")
    settings = Settings(seed=given.seed, people=given.people, hours=given.hours, runs=given.runs)
    told = Console(stderr=True, quiet=given.json)
    for name in given.names or BENCHMARKS:
        with told.status(f"{name}: making its fleet") as status:

            def progress(run: int, runs: int, contestant: str, name: str = name) -> None:
                status.update(f"{name}: run {run} of {runs}, {contestant}")

            report = BENCHMARKS[name](settings, progress)
        if given.json:
            print(json.dumps(report.as_json()), flush=True)
        else:
            print_report(report, Console())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fencewatch bench", epilog="Example: fencewatch bench replay --json --people 10000"
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; all without one"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object per benchmark, a line each")
    parser.add_argument("--seed", type=int, default=1, help="of the simulated fleet")
    parser.add_argument("--people", type=_positive(int), help="how many people are watched")
    parser.add_argument("--hours", type=_positive(float), help="of simulated time")
    parser.add_argument("--runs", type=_positive(int), help="of each contestant, in turn")
    return parser


def _positive(kind: Callable[[str], Number]) -> Callable[[str], Number]:
    def read(text: str) -> Number:
        number = kind(text)
        if not 0 < number < float("inf"):
            raise argparse.ArgumentTypeError(f"{text}: expected more than 0")
        return number

    return read


if __name__ == "__main__":
    sys.exit(main())
