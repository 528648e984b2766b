"""The commands there are, one function each."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from fencewatch import __version__, fence_commands, printing
from fencewatch.audit_commands import audit_app
from fencewatch.backup_command import backup_app
from fencewatch.clock_commands import clock_app
from fencewatch.data_commands import data_app
from fencewatch.faults import exit_codes
from fencewatch.live_commands import live_app
from fencewatch.login_commands import login_app
from fencewatch.operations_commands import operations_app
from fencewatch.options import Json
from fencewatch.queue_commands import queue_app
from fencewatch.reject_commands import reject_app
from fencewatch.replaying import print_summary, replay_of_log
from fencewatch.site_commands import add_commands as add_site_commands
from fencewatch.token_commands import token_app
from geofences.instant import instant_ms
from pipeline.errors import SiteError
from pipeline.host.outputs import refuse_clashes
from pipeline.sites.findings import Findings

app = typer.Typer(
    name="fencewatch",
    help="Watches people under community supervision: device pings in, alerts out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
site_app = typer.Typer(help="Look after a site.", no_args_is_help=True, rich_markup_mode=None)
fence_commands.add_commands(site_app)
add_site_commands(site_app)
app.add_typer(site_app, name="site")
app.add_typer(live_app)
app.add_typer(login_app)
app.add_typer(audit_app, name="audit")
app.add_typer(operations_app)
app.add_typer(backup_app)
app.add_typer(reject_app, name="rejects")
app.add_typer(token_app, name="token")
app.add_typer(queue_app, name="queue")
app.add_typer(data_app, name="data")
app.add_typer(clock_app, name="clock")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"fencewatch {__version__}")
        raise typer.Exit


@app.callback()
def fencewatch(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Watches people under community supervision: device pings in, alerts out."""


@app.command(
    "replay", epilog="Example: fencewatch replay --site site --pings pings.parquet --alerts alerts.ndjson"
)
def replay_command(
    alerts: Annotated[Path, typer.Option(help="The alert file to write (NDJSON).")],
    site: Annotated[Path | None, typer.Option(help="The site's directory.")] = None,
    pings: Annotated[
        list[Path] | None, typer.Option(help="Recorded pings: .parquet, .ndjson or .csv; may repeat.")
    ] = None,
    confirmations: Annotated[
        list[Path] | None, typer.Option(help="Recorded confirmations; may repeat.")
    ] = None,
    rejects: Annotated[Path | None, typer.Option(help="Where to write rows that cannot be used.")] = None,
    until: Annotated[str | None, typer.Option(help="Judge up to this time (ISO 8601 with offset).")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Threads that judge.")] = 1,
    batch: Annotated[int, typer.Option(min=1, help="Rows moved at once; the alerts are the same.")] = 1 << 16,
    accept_jump: Annotated[
        bool,
        typer.Option(
            "--accept-jump", help="Go on where a gap between rows makes a million missed confirmations."
        ),
    ] = False,
    changes: Annotated[
        Path | None, typer.Option(help="Changes of the site, NDJSON with arrival_time, among the rows.")
    ] = None,
    log: Annotated[
        Path | None, typer.Option(help="A data directory: its log in place of --site, --pings and the like.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run recorded streams, or the log of a live system, through the engine by their own times."""
    from pipeline.runtime.replay import ReplayRequest, replay
    from pipeline.sites.load import load_documents, read_site, site_files
    from pipeline.stream.recorded_changes import read_changes

    with exit_codes():
        if log is not None:
            if site is not None or pings or confirmations or changes is not None:
                raise typer.BadParameter("the log has it all; expected it alone", param_hint="--log")
            replay_of_log(log, alerts, rejects, _instant("--until", until), as_json=as_json)
            return
        if site is None or not pings:
            raise typer.BadParameter("is missing; expected --site and --pings, or --log", param_hint="--site")
        inputs = [("the input", path) for path in (*pings, *(confirmations or ()))]
        inputs += [] if changes is None else [("the changes,", changes)]
        inputs += [("a file of the site,", path) for path in site_files(site)]
        refuse_clashes({"--alerts": alerts, "--rejects": rejects}, inputs)
        findings = Findings()
        loaded = read_site(site, findings)
        if loaded is None:
            raise SiteError(findings.faults)
        printing.warnings(findings.warnings)
        request = ReplayRequest(
            site=loaded, pings=pings, confirmations=confirmations or [], alerts=alerts, rejects=rejects,
            until_ms=_instant("--until", until), workers=workers, batch_rows=batch,
            accept_jump=accept_jump, changes=[] if changes is None else read_changes(changes),
            documents=load_documents(site) if changes is not None else None,
        )  # fmt: skip
        with printing.bytes_bar("replaying") as progress:
            summary = replay(request, progress)
        print_summary(summary, alerts, rejects, as_json=as_json)


@site_app.command("check", epilog="Example: fencewatch site check my-site")
def site_check(
    directory: Annotated[Path, typer.Argument(help="The site's directory.")], as_json: Json = False
) -> None:
    """List all faults of a site at once, and what is legal but odd."""
    from pipeline.sites.load import check_site

    with exit_codes():
        faults, warnings = check_site(directory)
        printing.site_report(directory, faults, warnings, as_json=as_json)
        if faults:
            raise typer.Exit(2)


@app.command(
    "simulate",
    epilog="Example: fencewatch simulate --scenario county --people 250 --hours 24 --seed 1 --out fleet",
)
def simulate_command(
    out: Annotated[Path, typer.Option(help="The directory to write site, streams and truth to.")],
    scenario: Annotated[str, typer.Option(help="county or rest.")] = "county",
    people: Annotated[int, typer.Option(min=1, help="How many people are watched.")] = 250,
    hours: Annotated[float, typer.Option(help="How long.")] = 24.0,
    seed: Annotated[int, typer.Option(help="The same seed makes the same files.")] = 1,
    as_json: Json = False,
) -> None:
    """Make up a fleet with known misdeeds: a site, its streams, and what really happened."""
    from simulators.scenario import simulate

    with exit_codes(), printing.steps_bar("simulating") as progress:
        summary = simulate(scenario, people, hours, seed, out, progress)
    printing.simulation_summary(summary, as_json=as_json)


@app.command(
    "bench",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    epilog="Example: fencewatch bench replay --json",
)
def bench_command(
    context: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(help="Which benchmarks; all without one.")] = None,
) -> None:
    """Measure: runs from a checkout, where the benchmarks are."""
    from fencewatch.bench import run_benchmarks

    with exit_codes():
        sys.exit(run_benchmarks([*(names or []), *context.args]))


def _instant(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return instant_ms(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r}; expected a time with offset such as 2025-07-14T02:00:00Z", param_hint=option
        ) from None
