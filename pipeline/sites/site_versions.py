"""A site by what its rows are about: the versions of an id, and which ids name each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from geofences.instant import BEGIN_MS, END_MS, instant_ms
from pipeline.sites.cells import Span
from pipeline.sites.documents import TABLES, Document, SiteDocuments

FENCES = "fences"
#: The tables whose rows come in versions, offices before people and so on: nothing names what comes after it.
VERSIONED = (*TABLES, FENCES)

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


def id_of(table: str, document: Document) -> object:
    """What a row is about; anything may stand there before the row is checked."""
    if table == FENCES:
        return document["properties"].get("fence_id")
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


def _ms(text: str, empty_ms: int) -> int:
    return instant_ms(text) if text else empty_ms


def with_cells(table: str, document: Document, cells: Mapping[str, str]) -> Document:
    """The row with other values in some columns, of which a fence has no empty ones."""
    if table != FENCES:
        return {**document, **cells}
    properties = {name: value for name, value in {**document["properties"], **cells}.items() if value != ""}
    return {**document, "properties": properties}


def references(table: str, document: Document) -> Iterator[Key]:
    """The ids that a row names; a policy's classes aside."""
    if table == "offices" and document["parent_id"]:
        yield "offices", document["parent_id"]
    if table == "people":
        yield "offices", document["office_id"]
    if table in ("devices", "leaves"):
        yield "people", document["person_id"]
    if table == "leaves" and document["fence_ids"]:
        yield from ((FENCES, name.strip()) for name in document["fence_ids"].split(";"))
    if table == FENCES:
        yield from _selected(document["properties"].get("applies_to"))


def _selected(selectors: object) -> Iterator[Key]:
    tables = {"person": "people", "office": "offices"}
    for selector in selectors if isinstance(selectors, list) else ():
        word, _, name = selector.partition(":") if isinstance(selector, str) else ("", "", "")
        if word in tables:
            yield tables[word], name


class IndexedSite:
    """Documents that were read, found by id; ``put`` changes them in place."""

    def __init__(self, documents: SiteDocuments) -> None:
        self.policy = documents.policy
        self.holidays = documents.holidays
        self._found: dict[Key, list[Document]] = {}
        self._referring: dict[Key, dict[Key, None]] = {}
        for table in VERSIONED:
            for document in documents.table(table):
                self._found.setdefault(key_of(table, document), []).append(document)
        for key, documents_of_id in self._found.items():
            self._refer(key, documents_of_id)

    def versions(self, key: Key) -> Sequence[Document]:
        return self._found.get(key, ())

    def referring(self, key: Key) -> Sequence[Key]:
        return list(self._referring.get(key, ()))

    def offices(self) -> Sequence[Document]:
        return [row for (table, _), rows in self._found.items() if table == "offices" for row in rows]

    def replace(self, key: Key, versions: Sequence[Document]) -> None:
        """These are the rows about an id from now on; none: the site does not know it any longer."""
        for target in self._targets(key, self._found.get(key, ())):
            self._referring[target].pop(key, None)
        if versions:
            self._found[key] = list(versions)
            self._refer(key, versions)
        else:
            self._found.pop(key, None)

    def _refer(self, key: Key, versions: Iterable[Document]) -> None:
        for target in self._targets(key, versions):
            self._referring.setdefault(target, {})[key] = None

    def _targets(self, key: Key, versions: Iterable[Document]) -> set[Key]:
        return {target for document in versions for target in references(key[0], document)}
