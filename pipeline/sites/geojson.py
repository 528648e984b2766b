"""fences.geojson as a list of features, before anything is asked of them."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from pipeline.sites.findings import Findings, Place, shown
from pipeline.sites.misplaced_crs import fault_collection_crs


def parse_features(name: str, text: str, findings: Findings) -> list[Any] | None:
    """The features of the collection in the text of a file of this name, or None where it is none."""
    file = Place(findings, name, "file")
    collection = _parsed(text, file)
    if collection is None:
        return None
    features = collection.get("features") if isinstance(collection, dict) else None
    if not isinstance(features, list) or collection.get("type") != "FeatureCollection":
        file.fault("", "holds no FeatureCollection", "a FeatureCollection with a list of features")
        return None
    fault_collection_crs(collection, file)
    return features


#: The end of a name and its colon, where they are apart.
_APART = re.compile(r'"[ \t\r\n]+:')


def _parsed(text: str, file: Place) -> Any:
    try:
        collection = json.loads(text)
        # Each name is followed by a colon: where there are as many of those as members, none was given
        # twice. A quote within a text may look alike, so more of them says nothing yet.
        named = text.count('":') + sum(1 for _ in _APART.finditer(text))
        repeated = Counter[str]() if named == _members(collection) else _repeated(text)
    except (ValueError, RecursionError) as error:
        file.fault("", f"is no JSON: {error}", "a GeoJSON FeatureCollection")
        return None
    for name, count in repeated.items():
        wrong = f"{shown(name)} is given twice within {count} object{'s' * (count > 1)}"
        file.fault("", wrong, "each member of an object once")
    return collection if collection is not None else {}


def _members(value: Any) -> int:
    """How many members all objects within a value have together."""
    count, still_open = 0, [value]
    while still_open:
        held = still_open.pop()
        if isinstance(held, dict):
            count += len(held)
            held = held.values()
        elif not isinstance(held, list):
            continue
        still_open += [item for item in held if type(item) in (dict, list)]
    return count


def _repeated(text: str) -> Counter[str]:
    """The names that are given twice, and in how many objects; json would silently keep the last."""
    repeated: Counter[str] = Counter()

    def members(pairs: list[tuple[str, Any]]) -> None:
        counts = Counter(name for name, _ in pairs)
        repeated.update(name for name in counts if counts[name] > 1)

    json.loads(text, object_pairs_hook=members)
    return repeated
