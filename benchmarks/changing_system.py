"""A gateway and an engine in processes of their own, over one data directory.

The gateway is what `serve` has behind HTTP: the log and its writer, the registry and its desk, and what the
console holds of the site. The engine is what `run` has before its stores. Instants are of ``monotonic``,
which all processes of a machine share.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, ClassVar

from benchmarks.nation import Nation, Pings
from console.gazetteer import Gazetteer
from console.live_site import LiveSite
from fencewatch.config import Settings
from fencewatch.opened_registry import opened_site
from pipeline.engine.compiled_site import CompiledSite
from pipeline.engine.shard import Shard
from pipeline.host.clock import system_now_ms
from pipeline.ingest.errors import GatewayError
from pipeline.ingest.journal_writer import JournalWriter
from pipeline.log.journal import Journal
from pipeline.log.journal.embedded import embedded
from pipeline.runtime.beginning import recorded
from pipeline.runtime.live import LiveEngine, LiveRequest
from pipeline.runtime.site_history import SiteHistory
from pipeline.runtime.whereabouts import Locator
from pipeline.stream.items import Accepted, AlertUpdate
from sinks.alert import Alert

#: Rows come in so often.
TICK_S = 0.05
#: So long is anything waited for, a start of the largest site included.
_PATIENCE_S = 900.0


@dataclass(frozen=True, slots=True)
class Served:
    """A change that was answered, in force from ``at_ms`` of the log's clock on."""

    asked_s: float
    answered_s: float
    at_ms: int


class Process:
    """One of the two, which is asked over a pipe and answers."""

    def __init__(self, main: Callable[..., None], *arguments: Any) -> None:
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=main, args=(theirs, *arguments), daemon=True)
        self.begun_s = time.monotonic()
        self._process.start()
        theirs.close()

    def ask(self, *question: Any) -> Any:
        """The answer. Raises RuntimeError where the process has failed."""
        self._pipe.send(question)
        return self.hear()

    def hear(self) -> Any:
        """What it says next."""
        if not self._pipe.poll(_PATIENCE_S):
            raise RuntimeError("a measured process does not answer")
        try:
            return self._pipe.recv()
        except EOFError:
            raise RuntimeError("a measured process has failed; see what it said") from None

    def kill(self) -> None:
        """Ends it as a failure of power does: nothing is kept that was not kept before."""
        self._process.kill()
        self._process.join(_PATIENCE_S)

    def end(self) -> None:
        """Ends it in order."""
        self._pipe.send(("end",))
        self._process.join(_PATIENCE_S)


def gateway(pipe: Connection, settings: Settings, nation: Nation, rate: int, seed: int) -> None:
    """Takes rows and changes: ``("change", operations)``."""
    with Journal(settings.journal) as journal, opened_site(settings, None) as running:
        writer = JournalWriter(journal, system_now_ms, horizon_ms=running.site.policies.horizon_ms)
        live = LiveSite(running.site, Gazetteer(), running.number)
        running.follow(live.replace)
        writer.start()
        running.start(writer)
        feeder = _Feeder(writer, Pings(nation, seed), rate)
        pipe.send("ready")
        for question in _questions(pipe):
            if question[0] == "feed":
                feeder.start()
                pipe.send(None)
            elif question[0] == "change":
                asked_s = time.monotonic()
                answer = running.submit(question[1], by="bench", reason="measured", timeout_s=_PATIENCE_S)
                pipe.send(Served(asked_s, time.monotonic(), answer.at_ms))
            else:
                pipe.send(feeder.rows)
        feeder.stop()
        running.stop()
        writer.stop()


class _Feeder:
    """Submits rows at a steady rate, whatever becomes of them."""

    def __init__(self, writer: JournalWriter, pings: Pings, rate: int) -> None:
        self.rows = 0
        self._writer = writer
        self._pings = pings
        self._rows_a_tick = max(1, round(rate * TICK_S))
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        due_s = time.monotonic()
        while not self._ended.is_set():
            try:
                self._writer.submit(self._pings.next(self._rows_a_tick, system_now_ms()), "bench")
                self.rows += self._rows_a_tick
            except GatewayError:  # too much is waiting: a gateway answers 503, and devices come again
                pass
            due_s += TICK_S
            time.sleep(max(0.0, due_s - time.monotonic()))


def engine(pipe: Connection, settings: Settings) -> None:
    """Judges the log; says when it has judged the first rows, then what came out and how far it has come."""
    with opened_site(settings, None) as running:
        ears = _Ears(pipe)
        sites = _Watched(recorded(running.registry, (running.number, running.site)), ears.begin)
        stop = threading.Event()
        request = LiveRequest(
            sites=sites,
            policies=running.site.policies,
            fingerprint=running.registry.fingerprint,
            log=embedded(settings.journal),
            state=settings.state,
            write_alerts=ears.alerts,
            write_rows=ears.rows,
            flush_rows=lambda: None,
            write_rejects=lambda _: None,
        )
        live = LiveEngine(request, stop)
        answering = threading.Thread(target=ears.answer, args=(stop,), daemon=True)
        answering.start()
        live.run()
        live.close()


class _WatchedShard(Shard):
    """Notes when it judges by a change, and from which instant of the log's clock on that is in force."""

    noted: ClassVar[list[tuple[float, int]]] = []

    def moved_to(self, compiled: CompiledSite, at_ms: int, start_ms: int) -> tuple[Shard, list[Alert]]:
        found = super().moved_to(compiled, at_ms, start_ms)
        self.noted.append((time.monotonic(), at_ms))
        return found


class _Watched(SiteHistory):
    """A site whose shards are watched."""

    def make_shard(self, number: int) -> Shard:
        assert self._begun is not None, "begun before anything is judged"
        return _WatchedShard(self._begun, number)


class _Ears:
    """Hears what comes out of the dataflow, and when."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._delivered: list[tuple[float, int]] = []
        self._alerts: list[tuple[float, str]] = []
        self._rows = 0
        self._clock_ms = 0

    def begin(self, compiled: Any) -> None:
        """The site that all begins with."""
        self._locator = Locator.of(compiled)

    def rows(self, accepted: Sequence[Accepted]) -> None:
        for item in accepted:
            self._clock_ms = item.clock_ms
            if item.moved is not None:
                compiled = item.moved.compiled
                if compiled.splice is None:
                    self.begin(compiled)
                else:
                    self._locator.follow(compiled)
            if item.rows is not None and len(item.rows):
                self._rows += len(self._locator.whereabouts(item.rows))
                if not self._delivered:
                    self._pipe.send("judging")
                self._delivered.append((time.monotonic(), self._rows))

    def alerts(self, told: list[AlertUpdate]) -> None:
        now_s = time.monotonic()
        self._alerts += [(now_s, item.alert.fence_id or item.alert.kind) for item in told]

    def answer(self, stop: threading.Event) -> None:
        """Answers ``("heard",)`` with what was delivered, raised and judged by so far.

        And ``("reached",)`` with the log's clock in ms and how many rows were judged until then.
        """
        for question in _questions(self._pipe):
            if question[0] == "reached":
                self._pipe.send((self._clock_ms, self._rows))
            else:
                self._pipe.send((list(self._delivered), list(self._alerts), list(_WatchedShard.noted)))
        stop.set()


def _questions(pipe: Connection) -> Iterator[tuple[Any, ...]]:
    while True:
        question = pipe.recv()
        if question[0] == "end":
            return
        yield question


@contextmanager
def running_process(main: Callable[..., None], *arguments: Any) -> Iterator[Process]:
    """A process that has said that it is ready, and ends with the block."""
    process = Process(main, *arguments)
    try:
        process.hear()
        yield process
    finally:
        process.end()


def data_settings(site: Path, data: Path) -> Settings:
    """Settings of a data directory that was filled from a site."""
    return Settings(site=site, data=data)
