"""`serve` and `run` as processes over one data directory, on a clock that only the test moves."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any, TypeVar

from forked import ForkedCommand
from replay.command_line import invoked

from pipeline.host.clock import SimulatedClock
from sinks.alert import alert_line
from sinks.disposal import DisposalQueue, QueueItem
from sinks.run_metrics import RunMetrics

SERVE, RUN = "serve", "run"
#: Real seconds after which something that must come is taken for lost.
PATIENCE_S = 120.0

Row = dict[str, Any]
Process = ForkedCommand | subprocess.Popen[str]
X = TypeVar("X")


class Unanswered(Exception):  # noqa: N818 - what happened, not that it is wrong
    """A request that got no answer: it may have taken effect or not."""


class Refused(Exception):  # noqa: N818 - likewise
    """A request that was answered by a refusal; ``status`` is its code."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status


class LiveSystem:
    """A data directory under ``home`` with the processes on it.

    The clock stands wherever ``send`` last put it, also while a process is dead; so nothing that happens
    in real time shows in what the log says.
    """

    def __init__(self, home: Path, site: Path, now_ms: int, speed: float = 1.0, more: str = "") -> None:
        """``more`` is added to the configuration."""
        self.data = home / "data"
        self.data.mkdir(parents=True)
        self.clock = SimulatedClock.make(self.data / "clock", now_ms, speed)
        self._port = free_port()
        self._config = home / "fencewatch.toml"
        self._config.write_text(f'site = "{site}"\ndata = "data"\n[http]\nport = {self._port}\n{more}')
        self._processes: dict[str, Process] = {}
        self._started_ns: dict[str, int] = {}
        self.operator = self.token("--role", "operator")

    def __enter__(self) -> LiveSystem:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait()

    def token(self, *words: str) -> str:
        """The text of a new token."""
        return invoked("token", "create", *words, "--data", self.data).stdout.strip()

    def begun(self, *words: str | Path) -> Process:
        """A process of ``fencewatch …``."""
        return ForkedCommand(*words, stdout=subprocess.DEVNULL)

    def start(self, *names: str) -> None:
        """Begin processes; ``send`` and ``ask`` wait by themselves until the server is there."""
        for name in names:
            assert name not in self._processes, f"{name} runs already"
            self._started_ns[name] = time.time_ns()
            self._processes[name] = self.begun(name, "--config", self._config)

    @property
    def url(self) -> str:
        """Where the server is."""
        return f"http://127.0.0.1:{self._port}"

    def signal(self, name: str, number: signal.Signals) -> None:
        """A signal to a process that lives on: stop and go on."""
        self._processes[name].send_signal(number)

    def kill(self, *names: str) -> None:
        """SIGKILL; each must have been alive till then."""
        for name in names:
            self._processes[name].kill()
        for name in names:
            assert self._processes.pop(name).wait() == -signal.SIGKILL, f"{name} had ended by itself"

    def stop(self, *names: str) -> None:
        """SIGTERM, upon which each ends well."""
        for name in names:
            self._processes[name].terminate()
        for name in names:
            assert self._processes.pop(name).wait(PATIENCE_S) == 0, f"{name} did not end well"

    def ended(self, name: str) -> int:
        """The exit code of a process that ends by itself."""
        return self._processes.pop(name).wait(PATIENCE_S)

    def send(self, at_ms: int, pings: Sequence[Row] = (), confirmations: Sequence[Row] = ()) -> None:
        """Put the clock to an instant and make rows durable, sent again for as long as nobody answers.

        Without rows the log gets the clock alone.
        """
        self.clock.set(at_ms)
        self._post("/v1/pings", pings)
        if confirmations:
            self._post("/v1/confirmations", confirmations)

    def ask(self, path: str, bearer: str, body: object = None, *, is_step: bool = False) -> Any:
        """One request; a step is a POST. Raises Unanswered and Refused."""
        request = urllib.request.Request(
            f"{self.url}{path}",
            data=json.dumps(body).encode() if is_step or body is not None else None,
            headers={"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
                return json.loads(response.read())
        except urllib.error.HTTPError as error:
            with error:
                detail = error.read().decode(errors="replace")
            if error.code >= 500:
                raise Unanswered(detail) from None
            raise Refused(error.code, detail) from None
        except (OSError, HTTPException, ValueError) as error:  # nobody there, or gone while it answered
            raise Unanswered(str(error)) from None

    def text(self, path: str) -> str:
        """What the server shows there."""
        url = f"{self.url}{path}"
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {self.operator}"})
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
            return str(response.read(), "utf-8")

    def is_at_work(self, name: str) -> bool:
        """Whether a process got beyond its start: the server answers, the engine has taken rows."""
        if name == SERVE:
            try:
                return bool(self.ask("/healthz", self.operator))
            except Unanswered:
                return False
        figures = self.data / "run-metrics.json"
        return figures.exists() and figures.stat().st_mtime_ns > self._started_ns[RUN]

    def await_judged(self, at_ms: int) -> None:
        """Until the engine has taken what arrived up to an instant.

        Rows can be sent faster than an engine starts; one that reads hours at once tells only how they end.
        """

        def is_there() -> bool:
            figures = RunMetrics.read(self.data / "run-metrics.json")
            return figures is not None and (figures.clock_ms or 0) >= at_ms

        until(is_there, "the engine")

    def checkpoints(self) -> set[str]:
        """The names of what the engine has kept of its state."""
        kept = self.data / "state" / "checkpoints"
        return {path.name for path in kept.iterdir()} if kept.exists() else set()

    def figures(self) -> RunMetrics:
        """What the engine has counted since the data directory began."""
        found = RunMetrics.read(self.data / "run-metrics.json")
        assert found is not None
        return found

    def items(self) -> list[QueueItem]:
        """Every alert of the queue with its timeline, in the order of alert files; none without a queue."""
        path, now_ms = self.data / "queue.sqlite", self.clock.now_ms()
        if not path.exists():
            return []
        with DisposalQueue.open(path) as queue:
            keys = [item.alert.alert_key for item in queue.every_alert(now_ms=now_ms)]
            found = [queue.alert(key, now_ms=now_ms) for key in keys]
            return sorted(found, key=lambda item: (item.alert.raised_ms, item.alert.alert_key))

    def lines(self) -> list[bytes]:
        """The alerts of the queue as an alert file has them."""
        return [alert_line(item.alert) for item in self.items()]

    def _post(self, path: str, rows: Sequence[Row]) -> None:
        def posted() -> Any:
            try:
                return self.ask(path, self.operator, rows)
            except Unanswered:
                return None

        answer = until(posted)
        assert answer == {"accepted": len(rows), "rejected": []}


def until(found: Callable[[], X], wanted: str = "an answer", every_s: float = 0.02) -> X:
    """What a question gives once that is something; fails where it never is."""
    given_up = time.monotonic() + PATIENCE_S
    while not (answer := found()):
        assert time.monotonic() < given_up, f"waited in vain for {wanted}"
        time.sleep(every_s)
    return answer


def settled(seen: Callable[[], X], expected: X) -> X:
    """What is seen once it is as expected, or when patience is at its end: then the comparison tells why."""
    given_up = time.monotonic() + PATIENCE_S
    while (found := seen()) != expected and time.monotonic() < given_up:
        time.sleep(0.1)
    return found


def free_port() -> int:
    """A port that nobody has; not one of those that outgoing connections are given."""
    chance = random.Random(os.getpid() + time.monotonic_ns())
    while True:
        port = chance.randrange(10_000, 32_000)
        with socket.socket() as door:
            if door.connect_ex(("127.0.0.1", port)):
                return port
