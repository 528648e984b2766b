"""The queue in words: what the `queue` commands print for people, in the time zone of the site's policy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from fencewatch.terminal_text import aligned, moment, plain
from pipeline.rules.catalogue import RULE_OF
from sinks.alert import Alert
from sinks.disposal import AlertPage, QueueItem, QueueStats, State, TimelineEvent, TransitionRefused

#: Enough digits of a key to name an alert among millions, mostly; commands take them.
_KEY_SHOWN = 10
#: For an alert of a rule that this version has no longer.
_OTHER_SENTENCE = "{kind} of {person}, from {onset} on"
_COLUMNS = ("key", "severity", "kind", "person", "office", "state", "holder", "raised")


@dataclass(frozen=True, slots=True)
class Views:
    """Lines about alerts; no text of theirs can move the cursor or colour a terminal."""

    zone: ZoneInfo

    @property
    def zone_words(self) -> str:
        """What the times are."""
        return f"times in {self.zone.key}"

    def page(self, page: AlertPage, total: int, *, is_first: bool) -> Sequence[str]:
        """A page as a table, and what is not on it."""
        if not page.items:
            return ["no alerts" if is_first else "no more alerts"]
        rows = [self._row(item) for item in page.items]
        shown = f"{len(rows):,} of {total:,} alerts"
        rest = "" if page.next is None else f"; go on with --cursor {page.next}"
        return [*aligned([_COLUMNS, *rows]), "", f"{shown}; {self.zone_words}{rest}"]

    def alert(self, item: QueueItem) -> Sequence[str]:
        """One alert: what happened, how it stands, everything that was told or done."""
        alert = item.alert
        head = f"{alert.kind}, severity {alert.severity}: {self._standing(item)}"
        facts = [(name, shown) for name, shown in self._facts(item) if shown]
        entries = [(self._moment(e.at_ms), plain(e.actor or "engine"), self._entry(e)) for e in item.timeline]
        return [
            head,
            self._sentence(alert),
            "",
            *aligned(facts),
            "",
            f"timeline, {self.zone_words}",
            *(f"  {line}" for line in aligned(entries)),
        ]

    def step(self, item: QueueItem, actor: str) -> Sequence[str]:
        """What somebody has just done, and to which alert."""
        done = next(entry for entry in reversed(item.timeline) if entry.actor == actor)
        what = f"{item.alert.kind} of {plain(item.alert.person_id)}, {item.alert.alert_key[:_KEY_SHOWN]}"
        return [f"{what}: {self._entry(done)} ({self.zone_words})"]

    def settled(self, told: Sequence[dict[str, Any]]) -> Sequence[str]:
        """What became of each alert that was to be settled."""
        return [plain(f"{each['alert_key'][:_KEY_SHOWN]}  {each['detail'] or 'settled'}") for each in told]

    def entry(self, event: TimelineEvent, item: QueueItem) -> str:
        """One entry of a timeline in a line, with the alert it is about."""
        alert = item.alert
        about = (
            alert.alert_key[:_KEY_SHOWN],
            str(alert.severity),
            alert.kind,
            plain(alert.person_id or "-"),
        )
        who = plain(event.actor or "engine")
        return "  ".join((self._moment(event.at_ms), *about, f"{who}: {self._entry(event)}"))

    def stats(self, stats: QueueStats) -> Sequence[str]:
        """Alerts by kind and state, and what waits."""
        kinds = [(kind, *(f"{n:,}" for n in counts.values()), f"{sum(counts.values()):,}")
                 for kind, counts in stats.by_kind.items()]  # fmt: skip
        sums = ("all", *(f"{n:,}" for n in stats.by_state.values()), f"{sum(stats.by_state.values()):,}")
        age_ms = stats.oldest_open_age_ms
        oldest = "none is open" if age_ms is None else f"the oldest has been open for {_span(age_ms)}"
        table = aligned([("kind", *State, "all"), *kinds, sums], right_from=1)
        return [*table, "", f"{stats.waiting:,} waiting for somebody; {oldest}"]

    def refusal(self, error: TransitionRefused) -> str:
        """Why a step was not taken."""
        until_ms = error.item.lease_until_ms
        until = "" if until_ms is None else f" until {self._moment(until_ms)} ({self.zone.key})"
        return plain(f"{error}{until}")

    def _row(self, item: QueueItem) -> Sequence[str]:
        alert = item.alert
        state = f"{item.state}, withdrawn" if alert.withdrawn_ms is not None else str(item.state)
        return (
            alert.alert_key[:_KEY_SHOWN], str(alert.severity), alert.kind, plain(alert.person_id or "-"),
            plain(alert.office_id), state, plain(item.holder or "-"), self._moment(alert.raised_ms),
        )  # fmt: skip

    def _standing(self, item: QueueItem) -> str:
        held = f" by {plain(item.holder)}" if item.holder else ""
        until = "" if item.lease_until_ms is None else f" until {self._moment(item.lease_until_ms)}"
        return f"{item.state}{held}{until}"

    def _sentence(self, alert: Alert) -> str:
        rule = RULE_OF.get(alert.kind)
        return plain(
            (_OTHER_SENTENCE if rule is None else rule.terminal).format(
                kind=alert.kind,
                person=alert.person_id,
                fence=alert.fence_id,
                device=alert.device_id,
                onset=self._moment(alert.onset_ms),
                distance=round(abs(alert.distance_m or 0)),
                level=alert.level,
            )
        )

    def _facts(self, item: QueueItem) -> Iterator[tuple[str, str]]:
        alert = item.alert
        yield "key", alert.alert_key
        for name in ("person_id", "device_id", "office_id", "group", "fence_id", "authorised_by"):
            yield name, plain(getattr(alert, name) or "")
        if alert.lon is not None and alert.lat is not None:
            yield "lon, lat", f"{alert.lon:.7f}, {alert.lat:.7f}"
        for name in ("onset_ms", "raised_ms", "cleared_ms", "withdrawn_ms"):
            ms = getattr(alert, name)
            yield name.removesuffix("_ms"), "" if ms is None else self._moment(ms)
        yield "found", "in data that came too late to be put in its place" if alert.retrospective else ""
        yield "evidence", f"{len(alert.evidence)} of its fixes (--json has them)" if alert.evidence else ""
        yield "verdict", _with_words(item.verdict, item.reason, item.verified_by)
        yield "outcome", _with_words(item.outcome, item.note, item.disposed_by)

    def _entry(self, entry: TimelineEvent) -> str:
        told = [
            self._detail(name, value) for name, value in entry.details.items() if not _is_empty(entry, value)
        ]
        words = ", ".join(filter(None, told))
        if words.startswith(("until ", "at ")):
            return plain(f"{entry.kind} {words}")
        return plain(f"{entry.kind}: {words}" if words else entry.kind)

    def _detail(self, name: str, value: Any) -> str:
        if name == "lease_until_ms":
            return f"until {self._moment(value)}"
        if isinstance(value, list) and name in ("verdict", "reason"):
            return " → ".join(self._cell(name, part) for part in value) if value[0] != value[1] else ""
        if name in ("verdict", "outcome"):
            return str(value)
        if name == "together":
            return "in one step" if value == 1 else f"in one step, {value:,} alerts together"
        if name in ("reason", "note", "because"):
            return f"“{value}”"
        if name in ("cleared_ms", "withdrawn_ms"):  # when it was, which the coming and going of it say
            return f"at {self._moment(value[1])}" if value[1] is not None else ""
        if isinstance(value, list):  # before and after
            return f"{name.removesuffix('_ms')} {' → '.join(self._cell(name, part) for part in value)}"
        return name if value is None else f"{name} {value}"

    def _cell(self, name: str, value: Any) -> str:
        if value is None:
            return "none"
        if name.endswith("_ms"):
            return self._moment(value)
        return f"{value:.7g}" if isinstance(value, float) else str(value)

    def _moment(self, ms: int) -> str:
        return moment(ms, self.zone)


def _with_words(code: str | None, words: str | None, who: str | None) -> str:
    if code is None:
        return ""
    return plain(f"{code}{f' “{words}”' if words else ''}, {who}")


def _is_empty(entry: TimelineEvent, value: Any) -> bool:
    """A person left it out; the engine leaves out what is too long to be told."""
    return entry.actor is not None and value in (None, "")


def _span(ms: int) -> str:
    minutes, seconds = divmod(ms // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [f"{n} {unit}" for n, unit in ((days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")) if n]
    return " ".join(parts[:2]) or "0 s"
