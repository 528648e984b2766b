"""Somebody at work on a data directory's queue: what the `queue` commands do."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from console.rights import Right
from fencewatch.config import QUEUE
from fencewatch.faults import FAILED, ending_with_the_reader, exit_codes, reader_has_left
from fencewatch.leases import lease_ms
from fencewatch.queue_views import Views
from fencewatch.terminal_masking import event_without_words, without_words
from fencewatch.terminal_text import zone_of
from fencewatch.terminal_user import TerminalUser, terminal_user
from pipeline.errors import InputError
from pipeline.host.clock import Clock, clock_of
from sinks.disposal import (
    AlertFilter,
    AlertUnknown,
    DisposalQueue,
    QueueItem,
    Settlement,
    State,
    StoreUnusable,
    TimelineEvent,
    TransitionRefused,
    WrongInput,
    event_json,
    item_json,
    offices_from,
    stats_json,
)

_LOOK_EVERY_S = 0.5
_AT_ONCE = 1000
#: How many offices are worth naming to somebody who named a wrong one.
_NAMED_MOST = 10


@dataclass(frozen=True, slots=True)
class Desk:
    """An open queue, the clock and zone it lives by, who is at it, and the office looked at (None: all)."""

    queue: DisposalQueue
    clock: Clock
    views: Views
    user: TerminalUser
    office: str | None
    as_json: bool

    @property
    def lease_ms(self) -> int:
        """How long a claim holds."""
        return lease_ms(self.clock)

    def wanted(self, *, states: Sequence[str] | None, **chosen: Any) -> AlertFilter:
        """Which alerts a list has; an option that was not given chooses nothing."""
        unknown = [state for state in states or () if state not in set(State)]
        if unknown:
            raise InputError(f"--state {unknown[0]!r} is unknown; expected one of {', '.join(State)}")
        given = {name: choice for name, choice in chosen.items() if choice not in (None, [])}
        return AlertFilter(states=[State(state) for state in states or ()], scope=self.office, **given)

    def list_alerts(self, wanted: AlertFilter, *, limit: int, cursor: str | None) -> None:
        """A page of alerts."""
        now_ms = self.clock.now_ms()
        page = self.queue.alerts(wanted, now_ms=now_ms, limit=limit, cursor=cursor)
        total = self.queue.count(wanted, now_ms=now_ms)
        items = [item_json(self._seen(item)) for item in page.items] if self.as_json else []
        report = {"items": items, "next": page.next, "total": total}
        self._print(report, lambda: self.views.page(page, total, is_first=cursor is None))

    def show(self, beginning: str) -> None:
        """One alert and everything that happened to it."""
        item = self._item(self._key(beginning))
        self._print(item_json(item), lambda: self.views.alert(item))

    def run_step(self, step: Callable[..., QueueItem], beginning: str, **said: Any) -> None:
        """A step on an alert, and how the alert then stands."""
        self.user.require(Right.ACT)
        key = self._key(beginning)
        step(key, **self._acting(), **said)
        item = self._item(key)
        self._print(item_json(item), lambda: self.views.step(item, self.user.actor))

    def settle(self, beginnings: Sequence[str], *, is_cleared: bool, is_sure: bool, **said: Any) -> None:
        """Plain cases in one step each, and what became of each; ends with 1 where one was refused."""
        self.user.require(Right.ACT)
        keys = self._to_settle(beginnings, is_cleared=is_cleared)
        settlement = Settlement(**said, together=len(keys))
        if len(keys) > 1 and not is_sure and not _is_confirmed(len(keys)):
            raise InputError(f"nothing was settled: {len(keys)} alerts want --yes, or y when asked")
        report = [self._settled(key, settlement) for key in keys]
        n_settled = sum(each["status"] == 200 for each in report)
        self._print(
            {"settled": n_settled, "items": report},
            lambda: [*self.views.settled(report), f"{n_settled:,} of {len(keys):,} settled"],
        )
        if n_settled < len(keys):
            sys.exit(FAILED)

    def _to_settle(self, beginnings: Sequence[str], *, is_cleared: bool) -> list[str]:
        """Keys in full, each once."""
        if is_cleared == bool(beginnings):
            raise InputError("expected either keys of alerts or --cleared, and not both")
        if not is_cleared:
            return list(dict.fromkeys(self._key(beginning) for beginning in beginnings))
        wanted = self.wanted(states=[State.SELF_CLEARED])
        found = self.queue.every_alert(wanted, now_ms=self.clock.now_ms())
        keys = [item.alert.alert_key for item in found]
        if not keys:
            raise InputError(
                "no alert has cleared itself and waits for a verdict; there is nothing to settle"
            )
        return keys

    def _settled(self, key: str, said: Settlement) -> dict[str, Any]:
        report: dict[str, Any] = {
            "alert_key": key,
            "status": 200,
            "detail": None,
            "state": "closed",
            "holder": None,
        }
        try:
            self.queue.settle(key, said, **self._acting())
        except TransitionRefused as error:
            return report | {
                "status": 409,
                "detail": str(error),
                "state": error.state,
                "holder": error.holder,
            }
        return report

    def stats(self) -> None:
        """The queue's figures."""
        stats = self.queue.stats(now_ms=self.clock.now_ms(), office=self.office)
        self._print(stats_json(stats), lambda: self.views.stats(stats))

    def watch(self, after: int | None, for_s: float | None) -> None:
        """Every entry of a timeline as it comes, until the time is over, Ctrl-C, or nobody reads any more."""
        tail = self.queue.last_seq()
        if after is not None and after > tail:
            raise InputError(f"--after {after}: the queue has no such entry; expected a number up to {tail}")
        print(f"watching from entry {tail if after is None else after} on; {self.views.zone_words}",
              file=sys.stderr)  # fmt: skip
        try:
            self._follow(tail if after is None else after, for_s)
        except KeyboardInterrupt:
            return  # the way to end it

    def _follow(self, seq: int, for_s: float | None) -> None:
        ends_s = None if for_s is None else time.monotonic() + for_s
        while not reader_has_left():
            found = self.queue.watch(seq, office=self.office, limit=_AT_ONCE)
            for event in found:
                self._report(event)
                seq = event.seq
            sys.stdout.flush()
            if ends_s is not None and time.monotonic() >= ends_s:
                return
            if len(found) < _AT_ONCE:
                time.sleep(_LOOK_EVERY_S if ends_s is None else min(_LOOK_EVERY_S, for_s or 0))

    def _report(self, event: TimelineEvent) -> None:
        event = event if self.user.may(Right.NAME) else event_without_words(event)
        self._print(event_json(event), lambda: [self.views.entry(event, self._item(event.alert_key))])

    def _key(self, beginning: str) -> str:
        return self.queue.full_key(beginning, office=self.office)

    def _item(self, key: str) -> QueueItem:
        return self._seen(self.queue.alert(key, now_ms=self.clock.now_ms(), office=self.office))

    def _acting(self) -> dict[str, Any]:
        """Who takes a step, for which office, and when."""
        office = self.office if self.user.office is None else self.user.office
        return {"actor": self.user.actor, "office": office, "now_ms": self.clock.now_ms()}

    def _seen(self, item: QueueItem) -> QueueItem:
        return item if self.user.may(Right.NAME) else without_words(item)

    def _print(self, report: dict[str, Any], lines: Callable[[], Sequence[str]]) -> None:
        if self.as_json:
            print(json.dumps(report, ensure_ascii=False))
        else:
            print(*lines(), sep="\n")


@contextmanager
def opened_desk(data: Path, office: str | None, *, as_json: bool) -> Iterator[Desk]:
    """The desk of a data directory; what cannot be done ends the program with a line and an exit code.

    What could never be right (an unknown alert or office, a wrong verdict) is 2; what the alert's present
    state or its holder does not allow is 1: the same words may be right at another time.
    """
    with exit_codes(), ending_with_the_reader():
        path = data / QUEUE
        if not path.exists():
            raise InputError(f"{path}: there is no queue; expected the data directory of a running system")
        views = Views(zone_of(data))
        try:
            with DisposalQueue.open(path) as queue:
                user = terminal_user(data)
                user.require(Right.SEE)
                _require_office(queue, office, user)
                yield Desk(queue, clock_of(data), views, user, office or user.office, as_json)
        except AlertUnknown as error:
            raise InputError(f"{error}{'' if office is None else f' within {office}'}") from None
        except WrongInput as error:
            raise InputError(str(error)) from None
        except TransitionRefused as error:
            print(views.refusal(error), file=sys.stderr)
            sys.exit(FAILED)
        except (StoreUnusable, SQLAlchemyError) as error:
            print(f"{path}: the queue cannot be used: {str(error).splitlines()[0]}", file=sys.stderr)
            sys.exit(FAILED)


def _require_office(queue: DisposalQueue, office: str | None, user: TerminalUser) -> None:
    """A mistyped office would else be one without alerts, which looks like good news."""
    parents = queue.offices()
    known = sorted(one for one in parents if user.office in (None, *offices_from(one, parents)))
    if office is not None and known and office not in known:
        named = ", ".join(known[:_NAMED_MOST]) + (", …" if len(known) > _NAMED_MOST else "")
        raise InputError(f"--office {office!r} is unknown; expected one of {named}")


def _is_confirmed(n: int) -> bool:
    """Whether somebody at a terminal says yes; nobody there says no."""
    if not sys.stdin.isatty():
        return False
    print(f"settle {n:,} alerts in one step each? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
