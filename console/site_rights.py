"""Who may change what of the site, and whose it must be: the one place where that is decided."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from console.caller import Caller
from console.live_site import SiteNow
from console.site_map import seen_fences
from geofences.instant import instant_ms
from pipeline.registry.registry import Registry
from pipeline.sites.documents import Document
from pipeline.sites.offices import LEVELS
from pipeline.sites.operations import Operation
from pipeline.sites.rows import as_rows
from pipeline.sites.site_versions import FENCES, Key, span_of
from sinks.access import Role


class Reach(Enum):
    """From which office up somebody may change the rows of a table."""

    OWN = "any office, of its own people"
    COUNTY = "a county office or one above it, in the role county, of its own"
    TOP = "the office above all others, in the role county"


#: Whatever stands here no further rule widens. Roles without the right to change have no line of it.
CHANGED_BY = {
    "leaves": Reach.OWN,
    "devices": Reach.OWN,
    "people": Reach.COUNTY,
    "fences": Reach.COUNTY,
    "offices": Reach.COUNTY,
    "policies": Reach.TOP,
    "holidays": Reach.TOP,
}
_COUNTY_LEVELS = LEVELS[LEVELS.index("county") :]


@dataclass(frozen=True, slots=True)
class Forbidden:
    """An operation that its asker may not do, and why."""

    operation: int
    table: str
    id: str
    field: str
    wrong: str
    expected: str
    code: str = "not_allowed"


def reaches(caller: Caller, now: SiteNow, table: str) -> bool:
    """Whether a caller with the right to change may change any row of a table."""
    reach = CHANGED_BY[table]
    if reach is Reach.OWN:
        return True
    if caller.identity.role is not Role.COUNTY:
        return False
    if reach is Reach.TOP:
        return caller.offices >= now.directory.offices.keys()
    office = now.directory.offices.get(caller.office)
    return office is not None and office.level in _COUNTY_LEVELS


class ChangeRights:
    """Holds the operations of one change against what its asker may do, as the site is now."""

    def __init__(self, caller: Caller, now: SiteNow, registry: Registry, now_ms: int) -> None:
        self._caller = caller
        self._now = now
        self._registry = registry
        self._now_ms = now_ms
        #: People that the change itself puts in, by the office they come to.
        self._fresh: dict[str, str] = {}
        #: What the decision hangs on: rows that must be the same when the change is taken.
        self.looked_at: set[Key] = set()

    def forbidden(self, operations: Iterable[Operation]) -> list[Forbidden]:
        """Why the operations may not be done; nothing where they may."""
        found: list[Forbidden] = []
        for operation in operations:
            why = self._why(operation)
            if why is not None:
                found.append(Forbidden(operation.number, operation.table, operation.id, *why))
            if operation.table == "people" and operation.op == "put":
                self._fresh[operation.id] = operation.row["office_id"]
        return found

    def _why(self, operation: Operation) -> tuple[str, str, str] | None:
        """Field, what is wrong, what was expected; None where the operation may be done."""
        table = operation.table
        if not reaches(self._caller, self._now, table):
            return "table", f"{table} are changed by others", CHANGED_BY[table].value
        if CHANGED_BY[table] is Reach.TOP:
            return None
        self.looked_at.add((table, operation.id))
        begin_ms = self._begin_ms(operation)
        standing = [
            row for row in self._registry.versions((table, operation.id)) if _ends_after(table, row, begin_ms)
        ]
        # What was planned belongs to whoever it will be about when it begins: it can be taken back before.
        if any(
            self._of_row(table, operation.id, row, max(begin_ms, span_of(table, row)[0])) is not None
            for row in standing
        ):
            # Whose it is instead is nobody's business.
            return (
                "",
                f"{operation.id!r} is not yours to change",
                "what belongs to your own offices and people",
            )
        return None if operation.op == "end" else self._of_row(table, operation.id, operation.row, begin_ms)

    def _of_row(self, table: str, name: str, row: Document, begin_ms: int) -> tuple[str, str, str] | None:
        if table == "people":
            return self._office(row["office_id"], "office_id")
        if table == "offices":
            return self._below(name, row["parent_id"])
        if table == FENCES:
            return self._selectors(row["properties"].get("applies_to"), begin_ms)
        why = self._person(row["person_id"], "person_id", begin_ms)
        return self._fences(row["fence_ids"]) if why is None and table == "leaves" else why

    def _office(self, office_id: str, field: str) -> tuple[str, str, str] | None:
        if office_id in self._caller.offices:
            return None
        return field, f"{office_id!r} is not one of your offices", _some(self._caller.offices)

    def _below(self, name: str, parent_id: str) -> tuple[str, str, str] | None:
        if name == self._caller.office:
            return "office_id", "an office does not change itself", "an office below yours"
        if name in self._now.directory.offices and name not in self._caller.offices:
            return "office_id", f"{name!r} is not one of your offices", _some(self._caller.offices)
        return self._office(parent_id, "parent_id")

    def _person(self, person_id: str, field: str, at_ms: int) -> tuple[str, str, str] | None:
        """Theirs is who they supervise when the change takes effect, or take in by the change itself."""
        self.looked_at.add(("people", person_id))
        person = self._now.directory.person(person_id, at_ms)
        office_id = self._fresh.get(person_id) if person is None else person.office_id
        if office_id in self._caller.offices:
            return None
        # The same whether somebody else supervises them or nobody does: of others nothing is told.
        return (
            field,
            f"nobody of the id {person_id!r} is supervised by your offices",
            "one of your own people",
        )

    def _selectors(self, selectors: object, at_ms: int) -> tuple[str, str, str] | None:
        for selector in selectors if isinstance(selectors, list) else ():
            what, _, name = selector.partition(":") if isinstance(selector, str) else ("", "", "")
            why = None
            if what == "person":
                why = self._person(name, "applies_to", at_ms)
            elif what == "office":
                why = self._office(name, "applies_to")
            elif not self._caller.offices >= self._now.directory.offices.keys():
                wrong = f"{selector!r} is about people of other offices too"
                why = "applies_to", wrong, "selectors person: and office: of your own"
            if why is not None:
                return why
        return None

    def _fences(self, text: str) -> tuple[str, str, str] | None:
        """A leave may name the fences that its giver sees; whether there are others is not told."""
        names = [name.strip() for name in text.split(";") if name.strip()]
        if not names:
            return None
        fences = as_rows(self._now.site.fences, "fence_id")
        named = tuple(fence for name in names for fence in fences.about(name))
        seen = {
            fence.fence_id for fence in seen_fences(named, self._now.directory, self._caller, self._now_ms)
        }
        missing = [name for name in names if name not in seen]
        if not missing:
            return None
        return (
            "fence_ids",
            f"none of your fences is called {missing[0]!r}",
            "fences that apply to your own people",
        )

    def _begin_ms(self, operation: Operation) -> int:
        """When the operation takes effect at the earliest."""
        given = [self._now_ms, operation.effective_ms or self._now_ms]
        if operation.op == "put":
            cells = operation.row["properties"] if operation.table == FENCES else operation.row
            given.append(_instant_ms(cells.get("valid_from")) or self._now_ms)
        return max(given)


def _instant_ms(text: object) -> int | None:
    try:
        return instant_ms(text) if isinstance(text, str) and text else None
    except (ValueError, OverflowError):  # a fault of the row, which is told when it is read
        return None


def _ends_after(table: str, row: Document, at_ms: int) -> bool:
    return span_of(table, row)[1] > at_ms


def _some(offices: Sequence[str] | frozenset[str]) -> str:
    names = sorted(offices)
    return "one of " + ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
