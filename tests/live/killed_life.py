"""A living world told to `serve` and `run`, which die in the midst of work and are started again."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from signal import SIGKILL
from subprocess import DEVNULL
from typing import Any

import httpx2
import killed_at
from fork_server import FIRST
from forked import ForkedCommand
from live.living_world import LivingStep, LivingWorld
from live.world_changes import Change
from live_system import RUN, SERVE, LiveSystem, Unanswered, until
from replay.command_line import invoked, surroundings

from pipeline.host.clock import system_now_ms
from pipeline.ingest.desk_mail import DeskClient
from pipeline.log.journal import JournalReader
from pipeline.log.record import SITE
from pipeline.log.site_record import SiteRecord
from pipeline.registry.change_requests import Mailbox
from pipeline.registry.registry import REGISTRY, Registry
from pipeline.sites.change_faults import ChangeRefused
from pipeline.sites.changes import resolved
from pipeline.sites.documents import write_documents
from pipeline.sites.edits import edited
from pipeline.sites.load import load_documents
from pipeline.sites.site_versions import IndexedSite

#: What a mark is past the rows and changes of a step: all before it has taken effect.
AFTERMATH_MS = 2_500
SPEED = 60.0
#: A change that another process asks for waits so long for a server that was killed meanwhile.
_PATIENCE_S = 100.0


@dataclass
class Deaths:
    """Where a process is to kill itself, start by start; then it lives."""

    places: list[tuple[str, int]]
    died: int = 0

    @classmethod
    def drawn(cls, chance: Random, places: Sequence[str], count: int, nth_most: int) -> Deaths:
        return cls([(chance.choice(places), chance.randint(1, nth_most)) for _ in range(count)])


@dataclass
class KilledSystem(LiveSystem):
    """`serve` and `run` on a data directory, each dying where it is told to and started again at once."""

    home: Path
    site: Path
    deaths: dict[str, Deaths]
    now_ms: int
    failures: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(self.home, self.site, self.now_ms, SPEED)
        self.noted = self.home / "died"
        self.noted.touch()
        self._is_over = threading.Event()
        self._guard = threading.Thread(target=self._watch, name="restarts")

    def begun(self, *words: str | Path) -> ForkedCommand:
        name = str(words[0])
        more = {FIRST: "killed_at", "HURRIED": "1"}
        deaths = self.deaths[name]
        if deaths.died < len(deaths.places):
            more |= killed_at.environment(*deaths.places[deaths.died], str(self.noted))
        return ForkedCommand(*words, stdout=DEVNULL, environment={**surroundings(), **more})

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Both run; whoever dies is started again until the end, at which both end well."""
        self.start(SERVE, RUN)
        self._guard.start()
        try:
            yield
        finally:
            self._is_over.set()
            self._guard.join()
        assert not self.failures
        self.stop(SERVE)
        # An engine that came to the end, died right there and was started again has judged nothing yet.
        until(lambda: self._processes[RUN].poll() is not None or self.is_at_the_end())
        while self._died_at_the_end():
            self.start(RUN)
            until(self.is_at_the_end)

    def _died_at_the_end(self) -> bool:
        """Whether the engine came to a place at which it was to die as it ended; else it ended well."""
        self._processes[RUN].terminate()
        code = self.ended(RUN)
        assert code in (0, -SIGKILL), f"run ended with {code}"
        self.deaths[RUN].died += code == -SIGKILL
        return code == -SIGKILL

    def _watch(self) -> None:
        while not self._is_over.wait(0.005):
            for name, process in list(self._processes.items()):
                code = process.poll()
                if code is None:
                    continue
                if code != -SIGKILL:
                    self.failures.append(f"{name} ended by itself: {code}")
                    return
                self.deaths[name].died += 1
                del self._processes[name]
                self.start(name)

    def told(self, path: str, rows: Sequence[Any]) -> None:
        """Rows that the server takes or refuses, sent again for as long as nobody answers."""

        def posted() -> Any:
            assert not self.failures, self.failures
            try:
                return self.ask(path, self.operator, rows)
            except Unanswered:
                return None

        until(posted)

    def is_at_the_end(self) -> bool:
        """Whether the engine has judged all that the log holds."""
        assert not self.failures, self.failures
        return (
            self.is_at_work(RUN) and self.figures().offset >= JournalReader(self.data / "journal").end_offset
        )


class Teller:
    """Tells a world to a system, step by step."""

    def __init__(self, system: KilledSystem, world: LivingWorld) -> None:
        self._system, self._world = system, world
        bearer = system.token("--role", "county", "--office", "PR", "--name", "wang")
        self._http = httpx2.Client(headers={"Authorization": f"Bearer {bearer}"}, verify=False, timeout=60)
        self._asked = 0
        #: The records of the log that were answered.
        self.records: list[int] = []

    def tell(self) -> None:
        """All of it; at the end the engine has judged everything."""
        with self._http:
            for step in self._world.steps:
                self._tell_step(step)
        self._await_all(self._world.steps[-1])

    def _tell_step(self, step: LivingStep) -> None:
        system = self._system
        system.clock.set(step.at_ms)
        system.told("/v1/pings", step.pings)
        if step.confirmations:
            system.told("/v1/confirmations", step.confirmations)
        for change in step.changes:
            self._asked += 1
            record = {"http": self._by_http, "mail": self._by_mail, "import": self._by_import}[change.way](
                change
            )
            if record is not None:
                self.records.append(record)
        if step.is_awaited:
            self._await_all(step)

    def _await_all(self, step: LivingStep) -> None:
        """Until the engine has judged a mark behind a step: of rows that it refuses it tells no place."""
        self._system.clock.set(step.at_ms + AFTERMATH_MS)
        self._system.told("/v1/pings", [])
        until(self._system.is_at_the_end, "the engine at the log's end")

    def _by_http(self, change: Change) -> int | None:
        given = {"Idempotency-Key": f"asked-{self._asked}"}
        body = {"operations": change.operations, "reason": change.kind}

        def answered() -> httpx2.Response | None:
            assert not self._system.failures, self._system.failures
            url = f"{self._system.url}/v1/site/changes"
            try:
                answer = self._http.post(url, json=body, headers=given)
            except httpx2.TransportError:
                return None
            return None if answer.status_code >= 500 else answer

        answer = until(answered)
        assert answer is not None
        # What names somebody unknown is refused before it is looked at: nobody learns who there is.
        assert answer.status_code in ((200,) if change.is_sound else (422, 403)), (change, answer.text)
        record: int | None = answer.json()["record"] if change.is_sound else None
        return record

    def _by_mail(self, change: Change) -> int | None:
        """As a process of this machine asks that does not write the log."""
        name = f"mail-{self._asked}"
        with closing(Registry.open(self._system.data / REGISTRY)) as registry:
            desk = DeskClient(Mailbox(registry.file), system_now_ms)
            try:
                answer = desk.submit(
                    change.operations, by="operator", reason=change.kind, id=name, timeout_s=_PATIENCE_S
                )
            except ChangeRefused:
                assert not change.is_sound, change
                return None
        assert change.is_sound, change
        return answer.number

    def _by_import(self, change: Change) -> int | None:
        """As an office does that writes the site out, changes the files, and hands all of them in."""
        # Who imports while nobody writes the log writes it, and then no server could start meanwhile.
        until(lambda: self._system.is_at_work(SERVE), "the server")
        folder = self._system.home / f"import-{self._asked}"
        assert invoked("site", "export", folder, "--data", self._system.data).exit_code == 0
        site = load_documents(folder)
        edits = resolved(IndexedSite(site), change.operations, self._system.clock.now_ms()).edits
        write_documents(edited(site, edits), folder)
        done = invoked("site", "import", folder, "--data", self._system.data, "--json")
        assert done.exit_code == 0, (change, done.output)
        record: int | None = json.loads(done.stdout)["record"]
        return record


def changes_of(data: Path) -> list[SiteRecord]:
    """The changes of the site in the order of the log."""
    found: list[SiteRecord] = []
    with closing(JournalReader(data / "journal")) as reader:
        while records := reader.poll():
            found += (SiteRecord.of(record) for record in records if record.kind == SITE)
    return found


def lived(home: Path, world: LivingWorld, deaths: dict[str, Deaths]) -> tuple[KilledSystem, list[int]]:
    """The world's life in a data directory below ``home``, and the records that were answered."""
    site = home / "site"
    site.mkdir()
    write_documents(world.begun, site)
    system = KilledSystem(home / "live", site, deaths, world.steps[0].at_ms)
    with system:
        teller = Teller(system, world)
        with system.watched():
            teller.tell()
    return system, teller.records
