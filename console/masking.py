"""Names of supervised people made unreadable in text that somebody wrote, for whoever may not know them."""

from __future__ import annotations

import threading
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

#: What stands for a name, whatever its length.
MASK = "***"
#: Details of a timeline that are codes of ours, never text of people.
_CODES = frozenset({"verdict", "outcome", "severity", "level"})


class NameMask:
    """Finds known names, longest first, whatever the case and the blanks between the letters.

    A name inside a longer word is masked as well: what is masked too much does no harm.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._by_length: dict[int, set[str]] = defaultdict(set)
        self._lengths: list[int] = []
        self.learn(names)

    def learn(self, names: Iterable[str]) -> None:
        """Masks some more names from now on. None is ever forgotten: it may stand in an old text."""
        for name in names:
            squeezed = "".join(_letters(name)[0])
            if squeezed:
                self._by_length[len(squeezed)].add(squeezed)
        self._lengths = sorted(self._by_length, reverse=True)

    def text(self, text: str) -> str:
        """The text with every known name in it masked."""
        letters, places = _letters(text)
        found = []
        at = 0
        while at < len(letters):
            length = self._length_at(letters, at)
            if length:
                found.append((places[at], places[at + length - 1] + 1))
            at += length or 1
        for begin, end in reversed(found):
            text = text[:begin] + MASK + text[end:]
        return text

    def value(self, value: Any) -> Any:
        """The same for whatever JSON holds."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list | tuple):
            return [self.value(inner) for inner in value]
        if isinstance(value, Mapping):
            return {name: self.value(inner) for name, inner in value.items()}
        return value

    def event(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """An entry of a timeline as JSON has it: its details are free text, but for our own codes."""
        details = event["details"]
        masked = {name: given if name in _CODES else self.value(given) for name, given in details.items()}
        return {**event, "details": masked}

    def item(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """An alert as JSON has it: what people wrote in it and in its timeline."""
        masked = {**item, "reason": self.value(item["reason"]), "note": self.value(item["note"])}
        if "timeline" in item:
            masked["timeline"] = [self.event(entry) for entry in item["timeline"]]
        return masked

    def _length_at(self, letters: list[str], at: int) -> int:
        for length in self._lengths:
            if at + length <= len(letters) and "".join(letters[at : at + length]) in self._by_length[length]:
                return length
        return 0


class KnownNames:
    """The names of everybody who is or was in a site that changes; several threads may ask.

    The mask is made when somebody first asks for it. All states of the site share it: a name that one of
    them does not have yet is masked in its texts as well.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._mask: NameMask | None = None
        self._waiting: set[str] = set()

    def learn(self, names: Iterable[str]) -> None:
        """Names that come to be in the site, or leave it."""
        with self._mutex:
            if self._mask is None:
                self._waiting.update(names)
            else:
                self._mask.learn(names)

    def mask(self, names: Iterable[str]) -> NameMask:
        """The mask of all names; it is made of these and of what was learnt."""
        with self._mutex:
            if self._mask is None:
                self._mask = NameMask({*names, *self._waiting})
                self._waiting = set()
            return self._mask


def _letters(text: str) -> tuple[list[str], list[int]]:
    """Letters and digits, folded, each with its place in the text; no blanks, dots or accents."""
    letters, places = [], []
    for place, sign in enumerate(text):
        for part in unicodedata.normalize("NFKD", sign).casefold():
            if part.isalnum():
                letters.append(part)
                places.append(place)
    return letters, places
