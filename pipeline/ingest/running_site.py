"""The site of a running process: as it is now, told to whoever follows it, and changed at one desk."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

from pipeline.errors import PipelineError
from pipeline.host.clock import system_now_ms
from pipeline.host.collection import collected_later
from pipeline.ingest.change_desk import Answer, ChangeDesk, Expected, SiteDesk
from pipeline.ingest.desk_mail import DeskClient, DeskMail
from pipeline.ingest.errors import DeskSilent
from pipeline.ingest.journal_writer import JournalWriter
from pipeline.log.errors import LogError
from pipeline.log.protocol import Log
from pipeline.registry.catching_up import catch_up
from pipeline.registry.change_requests import Mailbox
from pipeline.registry.following import SiteFollower
from pipeline.registry.registry import Registry
from pipeline.sites.records import Site
from sinks.errors import SinkFailed
from sinks.sqlite import sqlite3

#: How soon what another process took is known here.
LOOK_EVERY_S = 0.2

#: Told of each later site, and of the record that made it.
Listener = Callable[[Site, int], object]

_log = logging.getLogger(__name__)


class RunningSite:
    """Follows the registry of a data directory. ``start`` says who takes changes; before it nobody does."""

    def __init__(self, registry: Registry, site: Site, number: int, log: Log) -> None:
        """``site`` is what the registry held when its last record was ``number``."""
        self.registry = registry
        self.number = number
        self.site = site
        self._log = log
        self._follower = SiteFollower(registry, site, number)
        self._listeners: list[Listener] = []
        self._looking = threading.Lock()
        self._desk: SiteDesk | None = None
        self._silent = "nothing takes changes yet"
        self._mail: DeskMail | None = None
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def follow(self, listener: Listener) -> None:
        """Tells a listener of each later site, by whichever thread finds it; the latest counts."""
        self._listeners.append(listener)

    def start(self, writer: JournalWriter | None) -> None:
        """Takes changes by this writer of the log, or asks the process that has one where it is None."""
        mailbox = Mailbox(self.registry.file)
        if writer is None:
            self._desk = DeskClient(mailbox, system_now_ms)
        else:
            self._start_desk(writer, mailbox)
        self._ended.clear()
        self._thread = threading.Thread(target=self._follow, name="site", daemon=True)
        self._thread.start()

    def _start_desk(self, writer: JournalWriter, mailbox: Mailbox) -> None:
        try:
            catch_up(self.registry, self._log)  # what opening the log made of its end is known only now
        except LogError as damage:
            # Rows are taken all the same; what a change would be resolved with is not known.
            self._silent = f"no change of the site is taken before the log is repaired: {damage}"
            _log.error("%s", self._silent)
            return
        self._desk = ChangeDesk(writer, self.registry)
        self._mail = DeskMail(mailbox, self, system_now_ms)
        self._mail.start()
        self.look()

    def stop(self) -> None:
        """Answers what was asked, and ends; call it before the writer ends."""
        if self._mail is not None:
            self._mail.stop()
        if self._thread is not None:
            self._ended.set()
            self._thread.join()

    def submit(
        self,
        operations: Sequence[Any],
        *,
        by: str,
        reason: str,
        id: str | None = None,
        expected: Expected | None = None,
        timeout_s: float = 30.0,
    ) -> Answer:
        """As a SiteDesk; whoever follows the site in this process knows of the change on return."""
        if self._desk is None:
            raise DeskSilent(self._silent, may_be_taken=False)
        answer = self._desk.submit(
            operations, by=by, reason=reason, id=id, expected=expected, timeout_s=timeout_s
        )
        self.look()
        return answer

    def look(self) -> None:
        """Tells listeners where the registry holds another site by now."""
        with self._looking:
            try:
                if not self._follower.is_behind():
                    return
                with collected_later():
                    self._follower.poll()
            except (PipelineError, SinkFailed, sqlite3.Error) as failure:
                _log.error("the site cannot be read: %s", failure)
                return
            self.site, self.number = self._follower.site, self._follower.record
            for listener in self._listeners:
                try:
                    listener(self.site, self.number)
                except Exception:
                    _log.exception("whoever follows the site was not told of record %d", self.number)

    def _follow(self) -> None:
        while not self._ended.wait(LOOK_EVERY_S):
            self.look()
