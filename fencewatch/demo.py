"""The demonstration: a made-up fleet before the real gateway, engine, queue and page."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from types import FrameType
from typing import NamedTuple

import httpx2

from fencewatch import printing
from fencewatch.children import Child
from fencewatch.config import DEFAULT_HOST, DEFAULT_PORT, FIGURES, read_settings
from fencewatch.demo_result import Done, Opening, Outcome, Pass, outcome
from fencewatch.demo_view import local
from fencewatch.feeding import Feed
from fencewatch.opened_tokens import opened_tokens
from pipeline.errors import InputError, PipelineError
from pipeline.host.clock import FILE as CLOCK
from pipeline.host.clock import SimulatedClock, system_now_ms
from pipeline.host.disk import LockedError, acquire_lock
from pipeline.log.journal import JournalReader
from pipeline.sites.documents import write_documents
from pipeline.sites.load import load_documents, load_site
from pipeline.sites.policy import Policy
from pipeline.sites.records import Site
from simulators.office_work import SiteChange, office_work
from simulators.offices import Offices
from simulators.recorded_fleet import RecordedFleet
from simulators.request import Summary
from simulators.scenario import simulate
from simulators.sender import Sender
from sinks.disposal import DisposalQueue
from sinks.run_metrics import RunMetrics

#: A Monday before anybody has to be anywhere. A week goes round and round: its days stay what they are.
START = "2025-07-14T06:00:00+08:00"
#: What is run through before the page opens: until half past ten, when the first windows of the day are over
#: and phones have been silent for an hour, so that alerts of all kinds wait for somebody.
BEFORE_MS = 270 * 60_000
WEEK_H = 7 * 24
_WEEK_MS = WEEK_H * 3_600_000
CONFIG = "fencewatch.toml"
#: Names the directory as one that a demonstration made and may throw away.
_MARK = "demonstration.json"
#: How long the gateway may take to be ready, and the engine to take a step: kernels may be compiled first.
_READY_S, _STUCK_S = 180.0, 180.0

#: Who changes the site.
_REGISTRAR = "赵磊"

#: Told a line about how it stands, now and then.
Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class DemoRequest:
    """What is asked for; ``duration_s`` None: until somebody ends it; ``port`` None: any, best the usual."""

    people: int
    seed: int
    speed: float
    duration_s: float | None
    data: Path
    port: int | None


class _Ended(Exception):  # noqa: N818 - it is no error
    """Somebody asked for the end."""


def run_demo(request: DemoRequest, opened: Callable[[Opening], None]) -> Outcome:
    """Make up a fleet, start everything, tell how to look at it, feed it until the end and count up.

    Raises InputError where the directory or the port is not ours to take, PipelineError where a part fails.
    """
    with _door(request.port) as door, _own_directory(request.data) as home:
        with printing.steps_bar("making up a fleet") as making:
            fleet = simulate("county", request.people, WEEK_H, request.seed, home, making, start=START)
        opened_ms = fleet.start_ms + BEFORE_MS
        changes = _site_at(fleet, opened_ms, request.seed)
        site = load_site(fleet.site)
        port = door.getsockname()[1]
        _configure(home, port)
        passes, senders = _tokens(home, site)
        clock = SimulatedClock.make(home / CLOCK, fleet.start_ms, request.speed)
        url = f"http://{DEFAULT_HOST}:{port}"
        opening = Opening(url, passes, fleet, site, request.speed, opened_ms, home)
        with _Demonstration(request, opening, clock, senders, changes, door) as demonstration:
            demonstration.run_through()
            opened(opening)
            with printing.status_line() as report:
                demonstration.feed(report)
            return demonstration.outcome()


class _Demonstration:
    """Its processes and the feed; a signal to end it is heeded at the next step."""

    def __init__(
        self,
        request: DemoRequest,
        opening: Opening,
        clock: SimulatedClock,
        senders: _Senders,
        changes: Sequence[SiteChange],
        door: socket.socket,
    ) -> None:
        self._request = request
        self._opening = opening
        self._config = opening.home / CONFIG
        self._settings = read_settings(self._config)
        self._clock = clock
        self._door = door
        self._stop = Event()
        self._open = ExitStack()
        self._sender = Sender(opening.url, senders.fleet, self._between)
        self._registrar = Sender(opening.url, senders.registrar, self._between)
        self._offices = Offices(changes, self._registrar)
        self._feed = Feed(
            RecordedFleet(opening.fleet.pings_file, _WEEK_MS),
            RecordedFleet(opening.fleet.confirmations_file, _WEEK_MS),
            clock,
            self._sender,
            self._offices,
        )
        self._begun_s: float | None = None
        self._reported_s = 0.0
        self._seconds = 0.0

    def __enter__(self) -> _Demonstration:
        home = self._opening.home
        with ExitStack() as stack:
            for number in (signal.SIGTERM, signal.SIGINT):
                stack.callback(signal.signal, number, signal.signal(number, self._asked_to_end))
            config = ["--config", str(self._config)]
            self._children = [
                Child("serve", ["serve", *config], home / "serve.log", self._door),
                Child("run", ["run", *config], home / "run.log"),
            ]
            for child in self._children:
                stack.callback(child.end)
            stack.enter_context(closing(self._sender))
            stack.enter_context(closing(self._registrar))
            self._wait_until_ready()
            self._queue = stack.enter_context(DisposalQueue.open(self._settings.queue))
            self._open = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def run_through(self) -> None:
        """The hours before, at full speed, and judged; an end that is asked for now is an interruption."""

        def goes_on() -> bool:
            self._keep()
            return not self._stop.is_set()

        with suppress(_Ended), printing.steps_bar("running the hours before through") as report:
            self._feed.run_through(self._opening.opened_ms, goes_on, report)
            self._caught_up()
            self._wait_until_ready()  # what compiled for long counts as stalled until the next look
        if self._stop.is_set():
            raise KeyboardInterrupt

    def feed(self, report: Report) -> None:
        """Let the fleet report until the end."""

        def goes_on() -> bool:
            self._report(report)
            self._keep()
            return not self._stop.is_set() and not self._is_over()

        self._begun_s = time.monotonic()
        with suppress(_Ended):
            self._feed.run(goes_on)
        self._seconds = time.monotonic() - self._begun_s

    def outcome(self) -> Outcome:
        """Wait for the engine, end the processes, and count up."""
        serve, run = self._children
        serve.end()
        figures = self._caught_up()
        run.end()  # what it has read it writes out
        figures = RunMetrics.read(self._opening.home / FIGURES) or figures
        rejected = self._sender.rejected + Counter(figures.rejected)
        done = Done(dict(self._sender.sent), rejected, dict(self._offices.done))
        return outcome(self._opening, self._queue, done, self._clock.now_ms(), self._seconds)

    def _is_over(self) -> bool:
        duration_s = self._request.duration_s
        if duration_s is None or self._begun_s is None:
            return False
        return time.monotonic() - self._begun_s >= duration_s

    def _asked_to_end(self, number: int, frame: FrameType | None) -> None:
        self._stop.set()

    def _between(self) -> None:
        """While the gateway does not answer."""
        self._keep()
        if self._stop.is_set() or self._is_over():
            raise _Ended

    def _keep(self) -> None:
        for child in self._children:
            child.keep()

    def _wait_until_ready(self) -> None:
        ends_s = time.monotonic() + _READY_S
        while time.monotonic() < ends_s:
            if self._stop.is_set():
                raise KeyboardInterrupt
            self._keep()
            try:
                if httpx2.get(f"{self._opening.url}/readyz").is_success:
                    return
            except httpx2.TransportError:
                pass
            time.sleep(0.1)
        raise PipelineError("the gateway did not become ready: " + self._children[0].last_words())

    def _report(self, report: Report) -> None:
        now_s = time.monotonic()
        if now_s - self._reported_s < 1.0:
            return
        self._reported_s = now_s
        now_ms = self._clock.now_ms()
        by_kind = self._queue.stats(now_ms=now_ms).by_kind
        alerts = ", ".join(f"{kind} {sum(states.values())}" for kind, states in sorted(by_kind.items()))
        rows = sum(self._sender.sent.values())
        clock = f"{local(now_ms, self._opening.site)}, simulated, x{self._clock.speed:g}"
        report(f"{clock}: {rows:,} rows; alerts: {alerts or 'none yet'}; Ctrl-C ends")

    def _caught_up(self) -> RunMetrics:
        """The engine's figures once it has judged all that is in the log by now."""
        run = self._children[1]
        end = JournalReader(self._settings.journal).end_offset
        ends_s, offset = time.monotonic() + _STUCK_S, 0
        while time.monotonic() < ends_s:
            figures = RunMetrics.read(self._opening.home / FIGURES)
            if figures is not None and figures.offset >= end:
                return figures
            if figures is not None and figures.offset > offset:
                ends_s, offset = time.monotonic() + _STUCK_S, figures.offset
            run.keep()
            time.sleep(0.1)
        raise PipelineError("the engine did not catch up: " + run.last_words())


@contextmanager
def _own_directory(data: Path) -> Iterator[Path]:
    """An empty directory of our own, what an earlier demonstration left there thrown away."""
    home = data / "demo"
    data.mkdir(parents=True, exist_ok=True)
    try:
        lock = acquire_lock(data / "demo.lock")
    except LockedError:
        raise InputError(f"{home}: another demonstration runs there; expected --data elsewhere") from None
    try:
        if home.exists():
            if any(home.iterdir()) and not (home / _MARK).exists():
                raise InputError(f"{home}: holds something else; expected an empty directory, or none")
            shutil.rmtree(home)
        home.mkdir()
        (home / _MARK).write_text(json.dumps({"started_ms": system_now_ms()}) + "\n")
        yield home
    finally:
        os.close(lock)


def _door(wanted: int | None) -> socket.socket:
    """A socket that listens on the port wanted, or on the usual one, or on any.

    It stays ours: nobody else can take it, and whoever connects while the gateway is begun again waits.
    """
    for port in (DEFAULT_PORT, 0) if wanted is None else (wanted,):
        try:
            return socket.create_server((DEFAULT_HOST, port), backlog=128)
        except OSError:
            continue
    raise InputError(f"--port {wanted}: something else listens there; expected a free port")


def _configure(home: Path, port: int) -> None:
    (home / CONFIG).write_text(f'site = "site"\ndata = "."\n\n[http]\nport = {port}\n')


def _site_at(fleet: Summary, opened_ms: int, seed: int) -> list[SiteChange]:
    """Leaves the site as it is when the page opens, and returns what offices change of it from then on."""
    whole = load_documents(fleet.site)
    truth = [json.loads(line) for line in fleet.truth_file.read_text("utf-8").splitlines()]
    bounds_ms = (fleet.start_ms, opened_ms, fleet.end_ms)
    # The scenario lives by the policy's defaults, and its site need not be read whole to know its time zone.
    first, changes = office_work(whole, truth, bounds_ms, Policy().timezone, seed)
    write_documents(first, fleet.site)
    return changes


class _Senders(NamedTuple):
    """Tokens: the fleet's rows come with one, the offices' changes of the site with the other."""

    fleet: str
    registrar: str


def _tokens(home: Path, site: Site) -> tuple[dict[str, Pass], _Senders]:
    """Who may look at it, by role, and the tokens of those that send."""
    people = Counter(person.office_id for person in site.people)
    office, county = people.most_common(1)[0][0], site.offices[0].office_id
    holders = {"officer": ("李敏", office), "county": ("王建国", county), "prosecutor": ("陈静", county)}
    with opened_tokens(home) as store:
        now_ms = system_now_ms()
        passes = {
            role: Pass(store.create(role, office_id=office_id, name=name, now_ms=now_ms), name, office_id)
            for role, (name, office_id) in holders.items()
        }
        fleet = store.create("operator", name="fleet", now_ms=now_ms)
        return passes, _Senders(
            fleet, store.create("county", office_id=county, name=_REGISTRAR, now_ms=now_ms)
        )
