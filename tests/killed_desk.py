"""A forked process (``fork_server``) that takes changes of a site, and kills itself at a stage of one."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from pipeline.host.clock import system_now_ms
from pipeline.ingest import JournalWriter
from pipeline.ingest.change_desk import ChangeDesk
from pipeline.ingest.desk_mail import DeskMail
from pipeline.log.journal import Journal
from pipeline.log.journal.embedded import embedded
from pipeline.log.record import SITE, Entry
from pipeline.log.site_record import SiteRecord
from pipeline.registry.catching_up import catch_up
from pipeline.registry.change_requests import Mailbox
from pipeline.registry.registry import Registry

#: Before the record is written; when it is durable; when the registry has it, and nobody was answered.
STAGES = ("resolved", "durable", "registered")


class Killer:
    """Kills the process when a stage is reached for the n-th time."""

    def __init__(self, stage: str, nth: int) -> None:
        self._stage = stage
        self._left = nth

    def reached(self, stage: str) -> None:
        if stage == self._stage:
            self._left -= 1
            if self._left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)


class KilledJournal(Journal):
    killer: Killer

    def append(self, entries: Sequence[Entry]) -> int:
        if any(entry.kind == SITE for entry in entries):
            self.killer.reached("resolved")
        return super().append(entries)


class KilledDesk(ChangeDesk):
    killer: Killer

    def take(self, record: SiteRecord) -> None:
        self.killer.reached("durable")
        super().take(record)
        self.killer.reached("registered")


def main(directory: str, stage: str, nth: str) -> None:
    home, killer = Path(directory), Killer(stage, int(nth))
    registry, journal = Registry.open(home / "registry.sqlite"), KilledJournal(home / "journal")
    journal.killer = killer
    catch_up(registry, embedded(home / "journal"))
    writer = JournalWriter(journal, system_now_ms, horizon_ms=lambda _: 10**12)
    desk = KilledDesk(writer, registry)
    desk.killer = killer
    writer.start()
    DeskMail(Mailbox(registry.file), desk, system_now_ms).start()
    print("ready", flush=True)
    while True:
        time.sleep(60)
