"""The disposal queue: changes from the engine go in, one person at a time works on each alert."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import case, update

from sinks.disposal.abbreviation import full_key
from sinks.disposal.acts import (
    Act,
    claim_step,
    close_step,
    correct_step,
    dispose_step,
    release_step,
    renew_step,
    verify_step,
)
from sinks.disposal.alerted import AlertedPerson, alerted_people
from sinks.disposal.applying import apply_changes
from sinks.disposal.arguments import LEASE_MS
from sinks.disposal.chain import linked_entries, timeline_break, timeline_head
from sinks.disposal.changes import AlertChange
from sinks.disposal.feed import events_after, last_seq, watched_after
from sinks.disposal.figures import counts_by_kind, queue_stats
from sinks.disposal.items import AlertPage, PeoplePage, QueueItem, QueueStats, TimelineEvent, WatchedEvent
from sinks.disposal.listing import (
    EVERYTHING,
    PAGE_MAX,
    AlertFilter,
    Order,
    alert_page,
    count_alerts,
    count_severities,
    counts_by_state,
)
from sinks.disposal.office_load import OfficeLoad, office_loads
from sinks.disposal.offices import office_parents, put_offices
from sinks.disposal.people import people_page
from sinks.disposal.rewinding import Rewinding, rewind_alerts
from sinks.disposal.settling import Settlement, settle
from sinks.disposal.states import State
from sinks.disposal.steps import Step, find_alert, run_step, with_timeline
from sinks.disposal.store import Store
from sinks.disposal.tables import bearing
from sinks.hash_chain import Break, Head, Linked


class DisposalQueue:
    """A queue in a database, for any number of threads and programs at once.

    What a method wrote is durable when it returns. Time is an argument everywhere: a claim whose lease ends
    at ``now_ms`` or before is open again, without anybody writing so. People act for an ``office`` and reach
    its alerts and those of the offices below (None: all); others are unknown to them. Every step of a person
    raises AlertUnknown, TransitionRefused with the alert as it stands, or WrongInput.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    @classmethod
    def open(cls, where: str | Path) -> Self:
        """A SQLite file (made if absent) or a database URL, brought to the present schema.

        Raises StoreUnusable.
        """
        store = Store(where)
        try:
            store.upgrade()
        except BaseException:
            store.disconnect()
            raise
        return cls(store)

    def disconnect(self) -> None:
        """Let go of the database; call it once, when nothing else is running."""
        self._store.disconnect()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.disconnect()

    # What the engine and the site say

    def apply(self, changes: Sequence[AlertChange]) -> int:
        """Take changes, all or none, except those no newer than what stands there; returns how many took."""
        if not changes:
            return 0
        with self._store.writing() as connection:
            return apply_changes(connection, changes)

    def rewind(self, rewinding: Rewinding) -> int:
        """Take back what the engine told since a record from which on the log was rewritten; returns of how
        many alerts the facts changed. Judged again, the log tells all that is true of them anew."""
        with self._store.writing() as connection:
            return rewind_alerts(connection, rewinding)

    def set_offices(self, parents: Mapping[str, str | None]) -> None:
        """The offices of the site with the one above each; offices it no longer has keep their place."""
        with self._store.writing() as connection:
            put_offices(connection, parents)

    def reached(self, position: int) -> None:
        """All that the log says up to this record is in."""
        with self._store.writing() as connection:
            further = case((bearing.c.position < position, position), else_=bearing.c.position)
            connection.execute(update(bearing).values(position=further))

    # What people do

    def claim(
        self, alert_key: str, *, actor: str, office: str | None, now_ms: int, lease_ms: int = LEASE_MS
    ) -> QueueItem:
        """Take an alert up that nobody holds, its last holder included once the lease has lapsed."""
        return self._run(claim_step(Act(alert_key, actor, office, now_ms), lease_ms))

    def renew(
        self, alert_key: str, *, actor: str, office: str | None, now_ms: int, lease_ms: int = LEASE_MS
    ) -> QueueItem:
        """Hold on to an alert for another lease, or take a verified one over whose lease has lapsed."""
        return self._run(renew_step(Act(alert_key, actor, office, now_ms), lease_ms))

    def release(self, alert_key: str, *, actor: str, office: str | None, now_ms: int) -> QueueItem:
        """Give a claimed alert back."""
        return self._run(release_step(Act(alert_key, actor, office, now_ms)))

    def verify(
        self,
        alert_key: str,
        *,
        actor: str,
        office: str | None,
        now_ms: int,
        verdict: str,
        reason: str | None = None,
    ) -> QueueItem:
        """Say whether a claimed alert is true; a false one wants a ``Reason``. The lease runs on."""
        return self._run(verify_step(Act(alert_key, actor, office, now_ms), verdict, reason))

    def correct(
        self,
        alert_key: str,
        *,
        actor: str,
        office: str | None,
        now_ms: int,
        verdict: str,
        reason: str | None = None,
        because: str | None = None,
    ) -> QueueItem:
        """Replace the verdict of an alert that is not disposed of, and say in words why; see ``verify``.

        The holder does, or anybody once the lease has lapsed; the timeline keeps the verdict before.
        """
        return self._run(correct_step(Act(alert_key, actor, office, now_ms), verdict, reason, because))

    def dispose(
        self,
        alert_key: str,
        *,
        actor: str,
        office: str | None,
        now_ms: int,
        outcome: str,
        note: str | None = None,
    ) -> QueueItem:
        """Say what was done about a verified alert; the holder does, or anybody once the lease has lapsed."""
        return self._run(dispose_step(Act(alert_key, actor, office, now_ms), outcome, note))

    def close(self, alert_key: str, *, actor: str, office: str | None, now_ms: int) -> QueueItem:
        """Put a disposed alert away."""
        return self._run(close_step(Act(alert_key, actor, office, now_ms)))

    def settle(
        self, alert_key: str, said: Settlement, *, actor: str, office: str | None, now_ms: int
    ) -> QueueItem:
        """Claim, verify, dispose of and close a plain case at once: all of it or nothing."""
        with self._store.writing() as connection:
            return settle(connection, Act(alert_key, actor, office, now_ms), said)

    # What can be seen

    def alert(self, alert_key: str, *, now_ms: int, office: str | None = None) -> QueueItem:
        """One alert with its timeline; AlertUnknown if it is not within the office."""
        with self._store.reading() as connection:
            item = find_alert(connection, alert_key, office=office, now_ms=now_ms)
            return with_timeline(connection, item)

    def alerts(
        self,
        wanted: AlertFilter = EVERYTHING,
        *,
        now_ms: int,
        cursor: str | None = None,
        limit: int = 50,
        order: Order = Order.URGENT,
    ) -> AlertPage:
        """A page of alerts, what wants attention first (see ``listing``); WrongInput on a wrong cursor."""
        with self._store.reading() as connection:
            return alert_page(connection, wanted, now_ms=now_ms, cursor=cursor, limit=limit, order=order)

    def by_person(
        self,
        wanted: AlertFilter = EVERYTHING,
        *,
        now_ms: int,
        cursor: str | None = None,
        limit: int = 50,
        order: Order = Order.URGENT,
    ) -> PeoplePage:
        """A page of people with the alerts wanted about them, by the one that comes first in the order."""
        with self._store.reading() as connection:
            return people_page(connection, wanted, now_ms=now_ms, cursor=cursor, limit=limit, order=order)

    def count_severities(self, wanted: AlertFilter = EVERYTHING, *, now_ms: int) -> dict[int, int]:
        """How many alerts of a choice are of each severity, 1 to 4; those of the choice do not matter."""
        with self._store.reading() as connection:
            return count_severities(connection, wanted, now_ms=now_ms)

    def count(self, wanted: AlertFilter = EVERYTHING, *, now_ms: int) -> int:
        """How many alerts there are on all pages."""
        with self._store.reading() as connection:
            return count_alerts(connection, wanted, now_ms=now_ms)

    def count_states(self, wanted: AlertFilter = EVERYTHING, *, now_ms: int) -> dict[State, int]:
        """How many alerts of a choice stand in each state, whatever states the choice names."""
        with self._store.reading() as connection:
            return counts_by_state(connection, wanted, now_ms=now_ms)

    def alerted_people(self, *, now_ms: int, office: str | None = None) -> tuple[AlertedPerson, ...]:
        """Everybody with an alert that is not settled yet."""
        with self._store.reading() as connection:
            return alerted_people(connection, now_ms=now_ms, office=office)

    def office_loads(self, *, now_ms: int, office: str | None = None) -> list[OfficeLoad]:
        """What each office has before it."""
        with self._store.reading() as connection:
            return office_loads(connection, now_ms=now_ms, office=office)

    def full_key(self, beginning: str, *, office: str | None = None) -> str:
        """The key that begins so; AlertUnknown if none within the office does, WrongInput if several do."""
        with self._store.reading() as connection:
            return full_key(connection, beginning, office=office)

    def offices(self) -> dict[str, str | None]:
        """Every office that was told of, with the one above each."""
        with self._store.reading() as connection:
            return office_parents(connection)

    def every_alert(self, wanted: AlertFilter = EVERYTHING, *, now_ms: int) -> Iterator[QueueItem]:
        """All pages one after another, each read when it is come to."""
        cursor = None
        while True:
            page = self.alerts(wanted, now_ms=now_ms, cursor=cursor, limit=PAGE_MAX)
            yield from page.items
            if page.next is None:
                return
            cursor = page.next

    def counts(self, *, now_ms: int, office: str | None = None) -> dict[State, int]:
        """How many alerts stand in each state."""
        with self._store.reading() as connection:
            by_kind = counts_by_kind(connection, now_ms=now_ms, office=office)
        return {state: sum(counts[state] for counts in by_kind.values()) for state in State}

    def stats(self, *, now_ms: int, office: str | None = None) -> QueueStats:
        """How full the queue is and how long its oldest alert waits."""
        with self._store.reading() as connection:
            return queue_stats(connection, now_ms=now_ms, office=office)

    def watch(
        self, after_seq: int, *, office: str | None = None, limit: int = 1000
    ) -> tuple[TimelineEvent, ...]:
        """What happened after an entry, oldest first, without waiting; ask again with the last ``seq``."""
        with self._store.reading() as connection:
            return events_after(connection, after_seq, office=office, limit=limit)

    def watch_all(self, after_seq: int, *, limit: int = 1000) -> tuple[WatchedEvent, ...]:
        """The same for everybody at once, each entry with the offices that may see it."""
        with self._store.reading() as connection:
            return watched_after(connection, after_seq, limit=limit)

    def timeline_head(self) -> Head:
        """How far the timeline's hash chain reaches."""
        with self._store.reading() as connection:
            return timeline_head(connection)

    def linked_entries(self) -> Iterator[Linked]:
        """Every entry of the timeline as the chain has it, by number."""
        with self._store.reading() as connection:
            yield from linked_entries(connection)

    def timeline_break(self, known: Iterable[Head] = ()) -> Break | None:
        """The first entry that is not as it was written, by the chain and by heads noted elsewhere."""
        with self._store.reading() as connection:
            return timeline_break(connection, known)

    def last_seq(self) -> int:
        """Where a watcher begins who only wants what is yet to come."""
        with self._store.reading() as connection:
            return last_seq(connection)

    def _run(self, step: Step) -> QueueItem:
        with self._store.writing() as connection:
            return run_step(connection, step)
