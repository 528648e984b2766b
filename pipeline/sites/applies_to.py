"""``applies_to`` of a fence: which names stand behind a selector."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from pipeline.sites.findings import Place, listed, shown

EVERYONE = "all"

_EXPECTED = "selectors person:ID, class:NAME, office:ID or all"


@dataclass(frozen=True, slots=True)
class KnownNames:
    """The names a selector may bear; None where their file could not be read, and all pass."""

    people: frozenset[str] | None
    classes: Set[str] | None
    offices: frozenset[str] | None


def read_selectors(value: object, known: KnownNames, place: Place) -> tuple[str, ...]:
    """The selectors of one fence, each once; faults for every one that is malformed or unknown."""
    if value is None or value == []:
        place.fault("applies_to", "is missing" if value is None else "is empty", f"a list of {_EXPECTED}")
        return ()
    if not isinstance(value, list):
        place.fault("applies_to", f"{shown(value)} is no list", f"a list of {_EXPECTED}")
        return ()
    sound = [selector for selector in value if _is_sound(selector, known, place)]
    return tuple(dict.fromkeys(sound))


def _is_sound(selector: object, known: KnownNames, place: Place) -> bool:
    if selector == EVERYONE:
        return True
    word, colon, name = selector.partition(":") if isinstance(selector, str) else ("", "", "")
    if word not in ("person", "class", "office") or not colon or not name:
        place.fault("applies_to", f"malformed selector {shown(selector)}", _EXPECTED)
        return False
    if word == "person":
        return _is_known(word, name, known.people, "a person_id of people.csv", place)
    if word == "office":
        return _is_known(word, name, known.offices, "an office_id of offices.csv", place)
    expected = f"a class of the policy: {listed(known.classes or ())}"
    return _is_known(word, name, known.classes, expected, place)


def _is_known(word: str, name: str, names: Set[str] | None, expected: str, place: Place) -> bool:
    if names is None or name in names:
        return True
    place.fault("applies_to", f"unknown {word} {shown(name)}", expected)
    return False
