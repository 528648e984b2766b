"""One scope of one binding in judged order, and what changes when an entry is put in its place."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from pipeline.engine.boundary.fix import Fix, OrderKey
from pipeline.engine.boundary.incidents import (
    IDLE,
    Incident,
    RunRules,
    RunState,
    Sighting,
    Verdict,
    end,
    step,
)

#: At one instant fixes come first, then an opening, then an end.
FIX, OPENING, END = 0, 1, 2

#: An entry's place: its instant, what it is, and the order among fixes of one instant.
EntryKey = tuple[int, int, OrderKey | tuple[()]]

#: What changed: incidents by onset, None where one is there no more.
Changes = dict[int, Incident | None]


@dataclass(slots=True, eq=False)
class Entry:
    """A fix with its verdict, or an opening (judged on the fix before it) or an end."""

    key: EntryKey
    fix: Fix | None
    verdict: Verdict = Verdict.UNSURE


def fix_entry(fix: Fix, verdict: Verdict) -> Entry:
    """The entry of a fix."""
    return Entry((fix.event_ms, FIX, fix.key), fix, verdict)


def moment_entry(at_ms: int, kind: int) -> Entry:
    """The entry of an opening or an end."""
    return Entry((at_ms, kind, ()), None)


class Machine:
    """Keeps what a late fix can still change; ``prune`` settles the rest.

    ``judge_opening(at_ms, fix)`` gives the verdict on the last known fix at an opening.
    """

    #: What a checkpoint holds of it.
    KEPT = (
        "_rules", "_judge_opening", "_before", "_settled", "_keys", "_entries", "_states", "_effects",
        "incidents",
    )  # fmt: skip

    def __init__(
        self, rules: RunRules, judge_opening: Callable[[int, Fix], Verdict], before: Fix | None = None
    ) -> None:
        self._rules = rules
        self._judge_opening = judge_opening
        self._before = before
        self._settled = IDLE
        self._keys: list[EntryKey] = []
        self._entries: list[Entry] = []
        self._states: list[RunState] = []
        self._effects: list[Incident | None] = []
        self.incidents: dict[int, Incident] = {}

    def judge_by(self, rules: RunRules, judge_opening: Callable[[int, Fix], Verdict]) -> None:
        """Go by other rules from now on, and ask somebody else for the verdicts at openings."""
        self._rules, self._judge_opening = rules, judge_opening

    @property
    def state(self) -> RunState:
        """Where the scope stands after all entries."""
        return self._states[-1] if self._states else self._settled

    @property
    def at_ease(self) -> bool:
        """Idle all along, with no wrong side among the entries that a late fix could join."""
        idle = self._settled.idle and self.state.idle
        return idle and all(entry.verdict is not Verdict.WRONG for entry in self._entries)

    @property
    def at_rest(self) -> bool:
        """An incident is open, and what a late fix could join does not bear on it: no fix that is not on the
        right side changes anything, wherever its place."""
        if any(kind != FIX for _, kind, _ in self._keys):
            return False
        return all(state.open is not None and state.streak == 0 for state in (self._settled, *self._states))

    def resume(self, before: Fix | None, entries: Iterable[Entry]) -> None:
        """Take in what came while at rest: the fixes that a late one could join, and the one before."""
        self._before = self._before if before is None else before
        self._entries = list(entries)
        self._keys = [entry.key for entry in self._entries]
        self._states, self._effects = [], []
        self._judge_from(0)

    def insert(self, entry: Entry) -> Changes:
        """Put an entry in its place and step again from there."""
        if not self._keys or self._keys[-1] < entry.key:
            return self._append(entry)
        place = bisect_left(self._keys, entry.key)
        old = self._outcome(place)
        self._keys.insert(place, entry.key)
        self._entries.insert(place, entry)
        del self._states[place:], self._effects[place:]
        self._judge_from(place)
        return self._apply(old, self._outcome(place))

    def _append(self, entry: Entry) -> Changes:
        """The same behind all others, where most belong."""
        opened, place = self.state.open, len(self._keys)
        self._keys.append(entry.key)
        self._entries.append(entry)
        self._judge_from(place)
        effect = self._effects[place]
        if effect is None:
            return {}
        old = {} if opened is None else {opened.onset_ms: opened}
        return self._apply(old, {**old, effect.onset_ms: effect})

    def begin_with(self, incident: Incident | None) -> None:
        """Begin with an incident that is open; before any entry."""
        self._settled = RunState(open=incident)

    def open_before(self, at_ms: int) -> Incident | None:
        """The incident that is open after all entries, where it was raised before an instant."""
        found = self.state.open
        return found if found is not None and found.raised.at_ms < at_ms else None

    def certain_incidents(self, clear_fixes: int, is_complete: bool) -> dict[int, Incident]:
        """Those that were there whatever came before the first entry: begun after nothing could go on."""
        if is_complete:
            return dict(self.incidents)
        streak = 0
        for entry in self._entries:
            if entry.key[1] == END or streak >= clear_fixes:
                return {onset: found for onset, found in self.incidents.items() if onset >= entry.key[0]}
            if entry.verdict is not Verdict.UNSURE:
                streak = streak + 1 if entry.verdict is Verdict.RIGHT else 0
        return {}

    def judge_again(self, from_ms: int, verdict: Callable[[Fix], Verdict]) -> Changes:
        """Judge the fixes from an instant on by another site, and all that follows from them."""
        place = bisect_left(self._keys, (from_ms, FIX, ()))
        old = self._outcome(place)
        for entry in self._entries[place:]:
            if entry.fix is not None:
                entry.verdict = verdict(entry.fix)
        del self._states[place:], self._effects[place:]
        self._judge_from(place)
        return self._apply(old, self._outcome(place))

    def fixes(self) -> Iterator[Fix]:
        """Every fix that it holds anywhere, some more than once."""
        if self._before is not None:
            yield self._before
        yield from (entry.fix for entry in self._entries if entry.fix is not None)
        for state in (self._settled, *self._states):
            if state.run is not None:
                yield from (sighting.fix for sighting in (*state.run.head, *state.run.tail))
        for incident in self._incidents():
            yield from (sighting.fix for sighting in (*incident.evidence, incident.raised))

    def _incidents(self) -> Iterator[Incident]:
        open_ones = (state.open for state in (self._settled, *self._states))
        known = (*open_ones, *self._effects, *self.incidents.values())
        return (incident for incident in known if incident is not None)

    def prune(self, from_ms: int, keep: Collection[int]) -> None:
        """Settle all entries before an instant, as no fix may come before it any more.

        Incidents that are settled for good are forgotten, but for those with an onset in ``keep``.
        """
        gone = bisect_left(self._keys, (from_ms, FIX, ()))
        if not gone:
            return
        self._settled = self._states[gone - 1]
        fixes = [entry.fix for entry in self._entries[:gone] if entry.fix is not None]
        self._before = fixes[-1] if fixes else self._before
        del self._keys[:gone], self._entries[:gone], self._states[:gone], self._effects[:gone]
        held = {incident.onset_ms for incident in (*self._effects, self._settled.open) if incident}
        self.incidents = {o: i for o, i in self.incidents.items() if o in held or o in keep}

    def _judge_from(self, place: int) -> None:
        state = self._states[place - 1] if place else self._settled
        for entry in self._entries[place:]:
            state, effect = self._step(state, entry, len(self._states))
            self._states.append(state)
            self._effects.append(effect)

    def _step(self, state: RunState, entry: Entry, place: int) -> tuple[RunState, Incident | None]:
        at_ms, kind, _ = entry.key
        if kind == END:
            return end(state, at_ms)
        fix = entry.fix
        if kind == OPENING:
            fix = self._last_known(place)
            entry.verdict = Verdict.UNSURE if fix is None else self._judge_opening(at_ms, fix)
        if fix is None:
            return state, None
        sighting = Sighting(at_ms, fix.arrival_ms, fix, fix.confirmed)
        if kind == OPENING:
            sighting = Sighting(at_ms, at_ms, fix, False)
        return step(state, sighting, entry.verdict, self._rules.at(at_ms))

    def _last_known(self, place: int) -> Fix | None:
        earlier = (entry.fix for entry in reversed(self._entries[:place]) if entry.fix is not None)
        return next(earlier, self._before)

    def _outcome(self, place: int) -> dict[int, Incident]:
        """Incidents as the entries from a place on leave them, and the one open before it."""
        before = self._states[place - 1] if place else self._settled
        touched = [incident for incident in (before.open, *self._effects[place:]) if incident is not None]
        return {incident.onset_ms: incident for incident in touched}

    def _apply(self, old: dict[int, Incident], new: dict[int, Incident]) -> Changes:
        changes: Changes = {onset: new.get(onset) for onset in old if onset not in new}
        changes |= {onset: incident for onset, incident in new.items() if old.get(onset) != incident}
        for onset, incident in changes.items():
            if incident is None:
                self.incidents.pop(onset, None)
            else:
                self.incidents[onset] = incident
        return changes
