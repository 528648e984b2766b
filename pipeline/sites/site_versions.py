"""A site by what its rows are about: the versions of an id, and which ids name each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import Protocol

from geofences.instant import BEGIN_MS, END_MS, instant_ms
from pipeline.sites.cells import Span
from pipeline.sites.documents import POLICIES, POLICY, TABLES, Document, SiteDocuments
from pipeline.sites.findings import Findings, Place
from pipeline.sites.policies import Policies
from pipeline.sites.policy import Policy
from pipeline.sites.policy_file import later_policy, parse_policy

FENCES = "fences"
#: The tables whose rows come in versions, offices before people and so on: nothing names what comes after it.
VERSIONED = (*TABLES, FENCES)
#: All tables that are kept row by row: a policy ends where the next one begins.
KEPT_BY_ROW = (*VERSIONED, POLICIES)

#: What rows are about: the table's name in a change, and an id.
Key = tuple[str, str]


class SiteVersions(Protocol):
    """A site that can be asked for what is about an id, however large it is."""

    @property
    def policy(self) -> str:
        """The text of policy.toml, "" where there is none."""

    @property
    def holidays(self) -> str:
        """The text of holidays.toml, "" where there is none."""

    def versions(self, key: Key) -> Sequence[Document]:
        """All rows about an id in the order of the file; none where the site does not know it."""

    def referring(self, key: Key) -> Sequence[Key]:
        """What names an id: devices and leaves of a person, people of an office, fences by selectors."""

    def offices(self) -> Sequence[Document]:
        """All offices in the order of the file."""

    def policies(self) -> Sequence[Document]:
        """All policies by date."""

    def of_other_classes(self, classes: Set[str]) -> Sequence[Key]:
        """The people and fences that name a class which is none of these; looks at all of them."""


class ChangingSite(SiteVersions, Protocol):
    """A SiteVersions that changes in place."""

    policy: str
    holidays: str

    def replace(self, key: Key, versions: Sequence[Document]) -> None:
        """These are the rows about an id from now on; none: the site does not know it any longer."""

    def read_ahead(self, keys: Iterable[Key]) -> AbstractContextManager[None]:
        """Within it, what a change of these ids concerns is found at once."""


def id_of(table: str, document: Document) -> object:
    """What a row is about; anything may stand there before the row is checked."""
    if table == FENCES:
        return document["properties"].get("fence_id")
    if table == POLICIES:
        return document.get("version")
    return document[TABLES[table].id_column]


def key_of(table: str, document: Document) -> Key:
    """What a sound row is about."""
    return table, str(id_of(table, document))


def validity_of(table: str, document: Document) -> tuple[str, str]:
    """``valid_from`` and ``valid_to`` as they are written, "" where not given."""
    cells = document["properties"] if table == FENCES else document
    return str(cells.get("valid_from") or ""), str(cells.get("valid_to") or "")


def span_of(table: str, document: Document) -> Span:
    """When a sound row holds."""
    valid_from, valid_to = validity_of(table, document)
    return _ms(valid_from, BEGIN_MS), _ms(valid_to, END_MS)


@lru_cache(maxsize=10_000)
def _ms(text: str, empty_ms: int) -> int:
    return instant_ms(text) if text else empty_ms


def with_cells(table: str, document: Document, cells: Mapping[str, str]) -> Document:
    """The row with other values in some columns, of which a fence has no empty ones."""
    if table != FENCES:
        return {**document, **cells}
    properties = {name: value for name, value in {**document["properties"], **cells}.items() if value != ""}
    return {**document, "properties": properties}


def policies_of(text: str, rows: Iterable[Document]) -> Policies:
    """The policies that a sound policy.toml and the rows of policies by date make."""
    findings = Findings()
    found = [later_policy(row, Place(findings, POLICIES, "")) for row in rows]
    first = parse_policy(POLICY, text, findings) or Policy()
    return Policies(first, [later for later in found if later is not None])


def classes_of(table: str, document: Document) -> set[str]:
    """The classes that a row of people or a fence names."""
    if table == "people":
        return {document["class"]}
    selectors = document["properties"].get("applies_to") if table == FENCES else None
    named = [each.partition(":") for each in selectors or () if isinstance(each, str)]
    return {name for word, _, name in named if word == "class"}


def references(table: str, document: Document) -> Sequence[Key]:
    """The ids that a row names; a policy's classes aside."""
    if table == FENCES:
        return _selected(document["properties"].get("applies_to"))
    if table == "devices":
        return [("people", document["person_id"])]
    if table == "people":
        return [("offices", document["office_id"])]
    if table == "offices" and document["parent_id"]:
        return [("offices", document["parent_id"])]
    if table == "leaves":
        named = document["fence_ids"].split(";") if document["fence_ids"] else ()
        return [("people", document["person_id"]), *((FENCES, name.strip()) for name in named)]
    return []


#: The tables that selectors name ids of.
_SELECTED = {"person": "people", "office": "offices"}


def _selected(selectors: object) -> list[Key]:
    found: list[Key] = []
    for selector in selectors if isinstance(selectors, list) else ():
        if isinstance(selector, str):
            word, _, name = selector.partition(":")
            if word in _SELECTED:
                found.append((_SELECTED[word], name))
    return found


class IndexedSite:
    """Documents that were read, found by id; ``put`` changes them in place."""

    def __init__(self, documents: SiteDocuments) -> None:
        self.policy = documents.policy
        self.holidays = documents.holidays
        self._found: dict[Key, list[Document]] = {}
        self._referring: dict[Key, dict[Key, None]] = {}
        for table in KEPT_BY_ROW:
            for document in documents.table(table):
                self._found.setdefault(key_of(table, document), []).append(document)
        #: The ids of tables that have few rows and are asked for as a whole, in their order.
        self._few = {
            table: dict.fromkeys(key for key in self._found if key[0] == table)
            for table in ("offices", POLICIES)
        }
        for key, documents_of_id in self._found.items():
            self._refer(key, documents_of_id)

    def versions(self, key: Key) -> Sequence[Document]:
        return self._found.get(key, ())

    def referring(self, key: Key) -> Sequence[Key]:
        return list(self._referring.get(key, ()))

    def offices(self) -> Sequence[Document]:
        return self._all_of("offices")

    def policies(self) -> Sequence[Document]:
        return self._all_of(POLICIES)

    def _all_of(self, table: str) -> list[Document]:
        return [row for key in self._few[table] for row in self._found[key]]

    def of_other_classes(self, classes: Set[str]) -> Sequence[Key]:
        return [
            key
            for key, rows in self._found.items()
            if any(not classes_of(key[0], row) <= classes for row in rows)
        ]

    def replace(self, key: Key, versions: Sequence[Document]) -> None:
        """These are the rows about an id from now on; none: the site does not know it any longer."""
        for target in self._targets(key, self._found.get(key, ())):
            self._referring[target].pop(key, None)
        if versions:
            self._found[key] = list(versions)
            if key[0] in self._few:
                self._few[key[0]][key] = None
            self._refer(key, versions)
        else:
            self._found.pop(key, None)
            self._few.get(key[0], {}).pop(key, None)

    def read_ahead(self, keys: Iterable[Key]) -> AbstractContextManager[None]:
        return nullcontext()

    def _refer(self, key: Key, versions: Iterable[Document]) -> None:
        for target in self._targets(key, versions):
            self._referring.setdefault(target, {})[key] = None

    def _targets(self, key: Key, versions: Iterable[Document]) -> set[Key]:
        return {target for document in versions for target in references(key[0], document)}
