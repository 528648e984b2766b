"""The commands of the live system, one function each: demo, run, serve."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from fencewatch.children import end_with_stdin
from fencewatch.config import DEFAULT_DATA, read_settings
from fencewatch.faults import exit_codes
from fencewatch.options import Data, Json
from pipeline.errors import InputError

live_app = typer.Typer(rich_markup_mode=None)

Config = Annotated[Path, typer.Option(help="The configuration file (TOML).")]
EndsWithStdin = Annotated[
    bool, typer.Option("--ends-with-stdin", help="End when standard input does: with whoever started it.")
]

_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


@live_app.command("demo", epilog="Example: fencewatch demo --duration 60s")
def demo_command(
    people: Annotated[int, typer.Option(min=20, help="How many people are made up.")] = 2000,
    speed: Annotated[
        float, typer.Option(min=1, help="How much faster than real time the simulated clock runs.")
    ] = 60.0,
    duration: Annotated[
        str | None, typer.Option(help="End by itself after 90s, 2m or 1h; without it, on Ctrl-C.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same people.")] = 1,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Where the page is; 8700 where that is free.")
    ] = None,
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """The whole system on a made-up fleet in a real county: gateway, engine, queue and page."""
    from fencewatch.demo import DemoRequest, run_demo
    from fencewatch.demo_result import Opening, Outcome
    from fencewatch.demo_view import show_opening, show_outcome

    console = Console()

    def report(shown: Opening | Outcome) -> None:
        if as_json:
            print(json.dumps(shown.as_json(), ensure_ascii=False), flush=True)
        elif isinstance(shown, Opening):
            show_opening(shown, console)
        else:
            show_outcome(shown, console)

    with exit_codes():
        request = DemoRequest(people, seed, speed, _duration_s(duration), data, port)
        report(run_demo(request, report))


@live_app.command("run", epilog="Example: fencewatch run --config fencewatch.toml")
def run_command(config: Config, ends_with_stdin: EndsWithStdin = False) -> None:
    """The live engine: judges the log as it grows and fills the queue, until told to stop."""
    from fencewatch.modes import tighten
    from fencewatch.running import run

    with exit_codes():
        _attach(ends_with_stdin)
        settings = read_settings(config)
        tighten(settings)
        run(settings)


@live_app.command("serve", epilog="Example: fencewatch serve --config fencewatch.toml")
def serve_command(
    config: Config,
    socket_fd: Annotated[
        int | None, typer.Option(min=0, help="An open socket to listen on, handed down by whoever starts it.")
    ] = None,
    ends_with_stdin: EndsWithStdin = False,
) -> None:
    """The gateway, the disposal API and the console, until told to stop."""
    from fencewatch.modes import tighten
    from fencewatch.serving import serve

    with exit_codes():
        _attach(ends_with_stdin)
        settings = read_settings(config)
        tighten(settings)
        serve(settings, socket_fd)


def _attach(ends_with_stdin: bool) -> None:
    if ends_with_stdin:
        end_with_stdin()


def _duration_s(text: str | None) -> float | None:
    if text is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if found is None or float(found[1]) <= 0:
        raise InputError(f"--duration {text!r}; expected a time such as 90s, 2m or 1h")
    return float(found[1]) * _SECONDS[found[2]]
