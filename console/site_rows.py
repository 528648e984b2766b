"""Rows of the site as somebody may see them: of their own offices alone, some without names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from console.caller import Caller
from console.gate import Right
from console.live_site import SiteNow
from console.site_map import own_selector
from pipeline.sites.documents import Document
from pipeline.sites.site_versions import FENCES, Key, key_of, span_of

#: Columns in which people write, and in which a name may stand.
_WRITTEN = {"leaves": ("category", "module"), "offices": ("name",)}


class ShownRows:
    """What of the site's rows a caller is shown, as the site is now."""

    def __init__(self, caller: Caller, now: SiteNow, now_ms: int) -> None:
        self._caller = caller
        self._now = now
        self._now_ms = now_ms

    def versions(self, key: Key, versions: Sequence[Document]) -> list[dict[str, Any]]:
        """The versions of a row that are the caller's to see, as they are answered."""
        shown = []
        for row in versions:
            seen = self.row(key[0], row)
            if seen is not None:
                from_ms, to_ms = span_of(key[0], row)
                shown.append({"row": seen, "in_force": from_ms <= self._now_ms < to_ms})
        return shown

    def row(self, table: str, row: Document) -> Document | None:
        """A row as the caller may see it; None where it is about others alone."""
        if table == "holidays":
            return row
        if table == FENCES:
            return self._fence(row)
        if not self._is_own(table, row):
            return None
        if self._caller.may(Right.NAME):
            return row
        mask = self._now.directory.mask
        written = {name: mask.text(row[name]) for name in _WRITTEN.get(table, ())}
        nobody = {"name": None, "phone": None} if table == "people" else {}
        return {**row, **written, **nobody}

    def edit(self, edit: Mapping[str, Any], row: Document | None) -> dict[str, Any] | None:
        """An edit of a change as the caller may see it; None where it is about others alone.

        ``row`` is what it puts in or takes out (None: nobody knows, so it is for whoever sees everything).
        """
        seen = None if row is None else self.row(edit["table"], row)
        if "put" in edit:
            return None if seen is None else {"table": edit["table"], "put": seen}
        sees_all = self._caller.offices >= self._now.directory.offices.keys()
        may = sees_all if row is None else seen is not None
        return {"table": edit["table"], "drop": edit["drop"]} if may else None

    def people_of(self, key: Key, versions: Sequence[Document]) -> list[str]:
        """The caller's people that a row is about, whose opening is put on record."""
        if key[0] == "people":
            return [key[1]]
        if key[0] in ("devices", "leaves"):
            return sorted({row["person_id"] for row in versions if self._is_own(key[0], row)})
        return []

    def _is_own(self, table: str, row: Document) -> bool:
        if table in ("people", "offices"):
            return row["office_id"] in self._caller.offices
        from_ms, _ = span_of(table, row)
        person = self._now.directory.person(row["person_id"], max(from_ms, self._now_ms))
        return person is not None and person.office_id in self._caller.offices

    def _fence(self, feature: Document) -> Document | None:
        """With those of its selectors that are about the caller's people, as the map has them."""
        properties = feature["properties"]
        selectors = [self._selector(selector) for selector in properties["applies_to"]]
        own = [*dict.fromkeys(selector for selector in selectors if selector is not None)]
        if not own:
            return None
        shown = {**properties, "applies_to": own}
        if not self._caller.may(Right.NAME):
            is_personal = any(selector.startswith("person:") for selector in properties["applies_to"])
            masked = None if is_personal else self._now.directory.mask.text(properties.get("name") or "")
            shown["name"] = masked
        return {**feature, "properties": shown}

    def _selector(self, selector: str) -> str | None:
        return own_selector(selector, self._now.directory, self._caller, self._now_ms)


def key_of_edit(edit: Mapping[str, Any]) -> Key | None:
    """What an edit is about; None for the table of holidays."""
    if edit["table"] == "holidays":
        return None
    return key_of(edit["table"], edit["put"]) if "put" in edit else (edit["table"], edit["drop"]["id"])
