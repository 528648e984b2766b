"""Changes that are asked for in a process that does not write the log, by the registry's mailbox."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipeline.errors import PipelineError
from pipeline.host.collection import collected_later
from pipeline.ingest.change_desk import Answer, Expected, SiteDesk
from pipeline.ingest.errors import DeskSilent, unanswered
from pipeline.registry.change_requests import Mailbox, Request
from pipeline.sites.change_faults import ChangeFault, ChangeRefused
from sinks.errors import SinkFailed

#: How often whoever writes the log looks for requests, and whoever asked for the answer.
LOOK_EVERY_S, ASK_EVERY_S = 0.2, 0.05

_log = logging.getLogger(__name__)


class DeskClient:
    """The desk as another process sees it."""

    def __init__(self, mailbox: Mailbox, now_ms: Callable[[], int]) -> None:
        """``now_ms`` is the machine's clock, which both processes have."""
        self._mailbox = mailbox
        self._now_ms = now_ms

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
        """As a SiteDesk. Raises DeskSilent also where nobody takes changes."""
        change_id = id or secrets.token_hex(16)
        said = [[*key, record] for key, record in (expected or {}).items()]
        body = {"operations": list(operations), "by": by, "reason": reason, "id": change_id, "expected": said}
        until_ms = self._now_ms() + round(timeout_s * 1000)
        request = Request(secrets.token_hex(16), until_ms, body)
        self._mailbox.ask(request)
        given_up_s = time.monotonic() + timeout_s
        while (answer := self._mailbox.answer_to(request.id)) is None and time.monotonic() < given_up_s:
            time.sleep(ASK_EVERY_S)
        if answer is None:
            answer = self._mailbox.answer_to(request.id)
        was_waiting = self._mailbox.withdraw(request.id)
        if answer is None:
            raise _silence(change_id, was_waiting=was_waiting)
        return _read(answer, change_id)


def _silence(change_id: str, *, was_waiting: bool) -> DeskSilent:
    if was_waiting:
        said = "nobody takes changes at the moment, nothing was changed; is `serve` (or `run`) running?"
        return DeskSilent(said, may_be_taken=False)
    return unanswered(change_id)


def _read(answer: Mapping[str, Any], change_id: str) -> Answer:
    if "refused" in answer:
        raise ChangeRefused([ChangeFault(**fault) for fault in answer["refused"]])
    if "silent" in answer:
        raise DeskSilent(answer["silent"], may_be_taken=answer["may_be_taken"])
    return Answer(change_id, answer["number"], answer["at_ms"], tuple(answer["edits"]))


class DeskMail:
    """A thread that takes requests from the mailbox to the desk, one after the other."""

    def __init__(self, mailbox: Mailbox, desk: SiteDesk, now_ms: Callable[[], int]) -> None:
        self._mailbox = mailbox
        self._desk = desk
        self._now_ms = now_ms
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="desk-mail", daemon=True)

    def start(self) -> None:
        """Begins to look for requests."""
        self._thread.start()

    def stop(self) -> None:
        """Answers the one that was begun, and ends; call it while the desk still answers."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        is_failing = False
        left: list[Request] | None = None  # by a process that was killed: not looked for yet
        while not self._ended.wait(LOOK_EVERY_S):
            try:
                left = self._mailbox.left(self._now_ms()) if left is None else left
                with collected_later():
                    while not self._ended.is_set() and (request := self._next(left)):
                        self._mailbox.put_answer(request.id, self._answer(request))
                is_failing = False
            except SinkFailed as failure:
                if not is_failing:
                    _log.error("requests for changes of the site cannot be read: %s", failure)
                is_failing = True

    def _next(self, left: list[Request]) -> Request | None:
        return left.pop(0) if left else self._mailbox.begun(self._now_ms())

    def _answer(self, request: Request) -> dict[str, Any]:
        body = request.body
        expected = {(table, name): record for table, name, record in body["expected"]}
        asked = {name: body[name] for name in ("by", "reason", "id")}
        try:
            left_s = max(1.0, (request.until_ms - self._now_ms()) / 1000)  # so long somebody waits for it
            answer = self._desk.submit(body["operations"], **asked, expected=expected, timeout_s=left_s)
        except ChangeRefused as refused:
            return {"refused": [fault.as_json() for fault in refused.faults]}
        except DeskSilent as silent:
            return {"silent": str(silent), "may_be_taken": silent.may_be_taken}
        except (PipelineError, SinkFailed, OSError) as failure:
            return {"silent": str(failure), "may_be_taken": True}
        except Exception as bug:  # whoever asks next is to be answered all the same
            _log.exception("a change of the site could not be looked at")
            return {"silent": f"the change could not be looked at: {bug!r}", "may_be_taken": True}
        return {"number": answer.number, "at_ms": answer.at_ms, "edits": list(answer.edits)}
