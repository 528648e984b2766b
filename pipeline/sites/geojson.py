"""fences.geojson as a list of features, before anything is asked of them."""

from __future__ import annotations

import json
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


def _parsed(text: str, file: Place) -> Any:
    repeated: Counter[str] = Counter()

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        table = dict(pairs)
        if len(table) < len(pairs):  # json would silently keep the last
            counts = Counter(name for name, _ in pairs)
            repeated.update(name for name in counts if counts[name] > 1)
        return table

    try:
        collection = json.loads(text, object_pairs_hook=members)
    except (ValueError, RecursionError) as error:
        file.fault("", f"is no JSON: {error}", "a GeoJSON FeatureCollection")
        return None
    for name, count in repeated.items():
        wrong = f"{shown(name)} is given twice within {count} object{'s' * (count > 1)}"
        file.fault("", wrong, "each member of an object once")
    return collection if collection is not None else {}
