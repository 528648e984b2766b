"""Draws what is changed of a world, one change after another, each with the site as it stands by then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from live.world_rows import (
    DEVICES,
    LATER_DEVICES,
    LATER_PEOPLE,
    LATER_ZONES,
    MINUTE_MS,
    OFFICES,
    PEOPLE,
    TOP,
    ZONES,
    RowDrawing,
    id_in,
)
from site_operations import Op, end, put

from geofences.instant import BEGIN_MS
from pipeline.sites.change_faults import ChangeRefused
from pipeline.sites.changes import resolved
from pipeline.sites.documents import TABLES, Document, SiteDocuments
from pipeline.sites.edits import Edits, edited
from pipeline.sites.site_versions import FENCES, IndexedSite, key_of, span_of
from sinks.alert import instant_text

#: Over HTTP, from another process by the registry's mailbox, or as a whole directory that is imported.
Way = Literal["http", "mail", "import"]
#: A draw that the site does not take is drawn again so often, unless it is to be refused.
_TRIES = 12
#: A start of the server lets a change that comes behind it be later by a millisecond.
LATER_MOST_MS = 3


@dataclass(frozen=True)
class Change:
    """Operations that are asked for together; ``is_sound`` says whether they are taken."""

    operations: list[Op]
    way: Way
    is_sound: bool
    kind: str


class ChangeDrawing:
    """Changes of one world; ``site`` is what those drawn so far make of it."""

    def __init__(self, chance: Random, rows: RowDrawing) -> None:
        self._rows, self._chance = rows, chance
        self.site = _begun(rows)
        #: From when on each device is known, for whoever sends its rows.
        self.known_ms = {row["device_id"]: BEGIN_MS for row in self.site.table("devices")}
        self._versions = 0
        self._leaves = 0
        #: Undone when their time comes: operations by the kind that they undo.
        self._to_undo: list[list[Op]] = []

    def change(self, at_ms: int) -> Change:
        """A change for the log's clock ``at_ms``, or a little later where a server was killed meanwhile."""
        for _ in range(_TRIES):
            kind, draw = self._chance.choice(self._kinds())
            operations = draw(at_ms)
            if not operations:
                continue
            edits, later = (self._resolved(operations, ms) for ms in (at_ms, at_ms + LATER_MOST_MS))
            if (edits is None) != (later is None):
                continue  # whether it is taken hangs on the millisecond
            if edits is None:
                if self._chance.random() < 0.2:
                    return Change(operations, self._chance.choice(("http", "mail")), False, kind)
                continue
            self.site = edited(self.site, edits.edits)
            for name in self._devices_in(operations):
                self.known_ms.setdefault(name, at_ms)
            return Change(operations, self._way(operations), True, kind)
        raise AssertionError("nothing that the site takes was drawn")

    def _resolved(self, operations: Sequence[Op], at_ms: int) -> Edits | None:
        """What the site makes of operations; None where it refuses them."""
        try:
            return resolved(IndexedSite(self.site), list(operations), at_ms)
        except ChangeRefused:
            return None

    def holidays(self, at_ms: int) -> Change:
        """The days off of the next year, published before it begins."""
        row: Document = {"version": "2027", "days_off": {"2027": ["2027-01-01"]}}
        operations = [put("holidays", None, **row)]
        self.site = edited(self.site, resolved(IndexedSite(self.site), operations, at_ms).edits)
        return Change(operations, self._chance.choice(("http", "mail")), True, "holidays")

    def _kinds(self) -> Sequence[tuple[str, Callable[[int], list[Op]]]]:
        return (
            ("fence", self._fence), ("fence", self._fence), ("fence", self._fence),
            ("planned fence", self._planned_fence), ("fence ended", self._fence_ended),
            ("person", self._person), ("person", self._person), ("person ended", self._person_ended),
            ("newcomer", self._newcomer), ("newcomer", self._newcomer),
            ("hand-over", self._hand_over), ("hand-over", self._hand_over),
            ("device ended", self._device_ended), ("leave ahead", self._leave_ahead),
            ("late leave", self._late_leave), ("late leave", self._late_leave),
            ("leave ended", self._leave_ended), ("office moved", self._office_moved),
            ("policy", self._policy), ("policy", self._policy), ("undone", self._undone), ("broken", _broken),
        )  # fmt: skip

    def _way(self, operations: Sequence[Op]) -> Way:
        """An import comes to the same where the operations say when: it is told of no other instant."""
        is_later = all(operation.get("effective_at") for operation in operations)
        ways: tuple[Way, ...] = ("http", "http", "http", "http", "mail")
        return self._chance.choice((*ways, "import") if is_later else ways)

    @staticmethod
    def _devices_in(operations: Sequence[Op]) -> list[str]:
        rows = (one["row"] for one in operations if one["table"] == "devices" and one["op"] == "put")
        return [row["device_id"] for row in rows]

    def _when(self, at_ms: int) -> str | None:
        """At once, or some minutes from now."""
        ahead_ms = self._chance.choice([0, 0, 2, 3, 7, 15]) * MINUTE_MS
        if not ahead_ms:
            return None
        return instant_text((at_ms + ahead_ms) // MINUTE_MS * MINUTE_MS + self._chance.choice([0, 0, 0, 1]))

    def _ids(self, table: str, at_ms: int) -> list[str]:
        """Whoever or whatever is in force then."""
        rows = self.site.table(table)
        spans = [(key_of(table, row)[1], *span_of(table, row)) for row in rows]
        return sorted({name for name, from_ms, to_ms in spans if from_ms <= at_ms < to_ms})

    def _fence(self, at_ms: int) -> list[Op]:
        name = self._chance.choice((*ZONES, *LATER_ZONES))
        row = self._rows.fence(name, self._ids("people", at_ms))
        standing = [r for r in self.site.fences if key_of(FENCES, r)[1] == name]
        if standing and self._chance.random() < 0.6:  # moved, or another schedule, and nothing else
            was, keep = standing[-1], self._chance.choice(("rule", "ground"))
            row = _mixed(was, row, keep)
        return [put(FENCES, self._when(at_ms), **row)]

    def _planned_fence(self, at_ms: int) -> list[Op]:
        """Planned for later; and the undoing is kept for some other time, perhaps before it begins."""
        name = self._chance.choice(LATER_ZONES)
        row = self._rows.fence(name, self._ids("people", at_ms))
        self._to_undo.append([end(FENCES, fence_id=name)])
        return [put(FENCES, instant_text(at_ms + self._chance.choice([5, 12]) * MINUTE_MS), **row)]

    def _fence_ended(self, at_ms: int) -> list[Op]:
        names = self._ids(FENCES, at_ms)
        return [end(FENCES, self._when(at_ms), fence_id=self._chance.choice(names))] if names else []

    def _person(self, at_ms: int) -> list[Op]:
        """Another class, another office; or somebody whose supervision had ended comes back."""
        return [put("people", self._when(at_ms), **self._rows.person(self._chance.choice(PEOPLE)))]

    def _person_ended(self, at_ms: int) -> list[Op]:
        names = self._ids("people", at_ms)
        return [end("people", self._when(at_ms), person_id=self._chance.choice(names))] if names else []

    def _newcomer(self, at_ms: int) -> list[Op]:
        """Somebody new with a device, and at times a home, at once."""
        when, name = self._when(at_ms), self._chance.choice(LATER_PEOPLE)
        device = self._rows.device(self._chance.choice(LATER_DEVICES), [name])
        found = [put("people", when, **self._rows.person(name)), put("devices", when, **device)]
        if self._chance.random() < 0.6:
            home = self._rows.fence(f"H{name}", [name])
            home["properties"] |= {"applies_to": [f"person:{name}"], "rule": "keep_in"}
            found.append(put(FENCES, when, **home))
        self._to_undo.append([end("devices", device_id=device["device_id"]), end("people", person_id=name)])
        return found

    def _hand_over(self, at_ms: int) -> list[Op]:
        """A device to somebody else, or of another kind from now on."""
        people = self._ids("people", at_ms)
        if not people:
            return []
        row = self._rows.device(self._chance.choice((*DEVICES, *LATER_DEVICES)), people)
        return [put("devices", self._when(at_ms), **row)]

    def _device_ended(self, at_ms: int) -> list[Op]:
        names = self._ids("devices", at_ms)
        return [end("devices", self._when(at_ms), device_id=self._chance.choice(names))] if names else []

    def _leave(self, from_ms: int, to_ms: int, at_ms: int) -> Document:
        self._leaves += 1
        people = sorted({key_of("people", row)[1] for row in self.site.table("people")})
        fences = sorted({key_of(FENCES, row)[1] for row in self.site.fences})
        row = self._rows.leave(f"L{self._leaves}", people, fences, from_ms, to_ms)
        approved_ms = self._chance.choice([None, None, at_ms + 3 * MINUTE_MS, at_ms + 11 * MINUTE_MS])
        return row if approved_ms is None else row | {"approved_at": instant_text(approved_ms)}

    def _leave_ahead(self, at_ms: int) -> list[Op]:
        from_ms = at_ms + self._chance.choice([1, 4, 9]) * MINUTE_MS
        leave = self._leave(from_ms, from_ms + self._chance.choice([5, 20, 60]) * MINUTE_MS, at_ms)
        self._to_undo.append([end("leaves", leave_id=leave["leave_id"])])
        return [put("leaves", **leave)]

    def _late_leave(self, at_ms: int) -> list[Op]:
        from_ms = at_ms - self._chance.choice([1, 5, 15, 28, 40]) * MINUTE_MS
        to_ms = at_ms + self._chance.choice([1, 30]) * MINUTE_MS
        return [put("leaves", **self._leave(from_ms, to_ms, at_ms))]

    def _leave_ended(self, at_ms: int) -> list[Op]:
        rows = [row for row in self.site.table("leaves") if span_of("leaves", row)[1] > at_ms]
        return [end("leaves", **id_in("leaves", self._chance.choice(rows)))] if rows else []

    def _office_moved(self, at_ms: int) -> list[Op]:
        return [put("offices", self._when(at_ms), **self._rows.office(self._chance.choice(OFFICES)))]

    def _policy(self, at_ms: int) -> list[Op]:
        """Other thresholds from now on or later; at times what was planned does not come to be."""
        planned = [row for row in self.site.policies if span_of("policies", row)[0] > at_ms]
        if planned and self._chance.random() < 0.4:
            return [end("policies", version=self._chance.choice(planned)["version"])]
        self._versions += 1
        return [put("policies", self._when(at_ms), **self._rows.policy(f"v{self._versions}"))]

    def _undone(self, at_ms: int) -> list[Op]:
        return self._to_undo.pop(self._chance.randrange(len(self._to_undo))) if self._to_undo else []


def _broken(_: int) -> list[Op]:
    """Several things wrong at once, and one that would be right: nothing of it is taken."""
    return [
        put("devices", device_id="D0", person_id="nobody", kind="phone"),
        put("people", person_id="P0", office_id="nowhere", **{"class": "strict"}),
        end(FENCES, fence_id="F0"),
    ]


def _mixed(was: Document, drawn: Document, keep: str) -> Document:
    """The standing fence on other ground, or by another schedule on the same ground."""
    ground = ("radius_m", "buffer_m")
    old, new = was["properties"], drawn["properties"]
    ruled, placed = (old, new) if keep == "rule" else (new, old)
    properties = {name: value for name, value in ruled.items() if name not in ground}
    properties |= {name: placed[name] for name in ground if name in placed}
    for name in ("valid_from", "valid_to"):
        properties.pop(name, None)
    geometry = drawn["geometry"] if keep == "rule" else was["geometry"]
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def _begun(rows: RowDrawing) -> SiteDocuments:
    people = list(PEOPLE[: rows.chance.randint(2, len(PEOPLE))])
    devices = DEVICES[: rows.chance.randint(2, len(DEVICES))]
    fences = ZONES[: rows.chance.randint(2, len(ZONES))]
    tables: dict[str, list[Document]] = {
        "offices": [rows.office(TOP), *_in_a_tree(rows)],
        "people": [rows.person(name) for name in people],
        "devices": [rows.device(name, people) for name in devices],
        "leaves": [],
    }
    assert tables.keys() == TABLES.keys()
    return SiteDocuments(
        rows={name: tuple(of) for name, of in tables.items()},
        fences=tuple(rows.fence(name, people) for name in fences),
        policy=rows.policy_text(),
    )


def _in_a_tree(rows: RowDrawing) -> list[Document]:
    parents = {"C1": "PR", "C2": "PR", "O1": "C1", "O2": rows.pick("C1", "C2")}
    return [rows.office(name) | {"parent_id": parent} for name, parent in parents.items()]
