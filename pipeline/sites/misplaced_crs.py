"""``crs`` where nobody reads it: whoever wrote it means other coordinates than would be taken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline.sites.findings import Place, shown

#: What a ``crs`` may name without changing the coordinates (GeoJSON of 2008, §3), beside our own name.
_WGS84_NAMES = ("CRS84", "EPSG::4326", "EPSG:4326")

#: Members whose inside is numbers or was read by itself.
_PASSED_OVER = ("coordinates", "features")


def fault_collection_crs(collection: dict[str, Any], file: Place) -> None:
    """Faults for every ``crs`` of a collection outside of its features that names another system."""
    for path, crs in _misplaced(collection, ""):
        if not _is_wgs84(crs):
            wrong = f"the collection's own crs {_named(crs)} is not read"
            file.fault(path, wrong, "WGS-84, or crs as a property of each feature")


def fault_feature_crs(feature: dict[str, Any], place: Place) -> None:
    """The same for a feature outside of its properties' own ``crs``, and for that in other letters."""
    for path, crs in _misplaced(feature, ""):
        if path != "properties.crs" and not _is_wgs84(crs):
            place.fault(path, f"crs {_named(crs)} is not read here", "crs as a property of the feature")


def fault_table_crs(header: list[str], lines: list[list[str]], file: Place) -> None:
    """A fault where a table of positions names another system in a column that it does not have."""
    for column in (place for place, name in enumerate(header) if name.casefold() == "crs"):
        for row, cells in enumerate(lines, 1):
            if column < len(cells) and not _is_wgs84(cells[column]):
                wrong = f"crs {shown(cells[column])} in row {row} is not read"
                file.fault(header[column], wrong, "positions in WGS-84 and no such column")
                break


def _misplaced(table: dict[str, Any], path: str) -> Iterator[tuple[str, object]]:
    """Every member called crs, in whatever letters, with the way to it."""
    for name, value in table.items():
        where = f"{path}.{name}" if path else name
        if name.casefold() == "crs":
            yield where, value
        elif name not in _PASSED_OVER:
            for inner in value if isinstance(value, list) else (value,):
                if isinstance(inner, dict):
                    yield from _misplaced(inner, where)


def _is_wgs84(crs: object) -> bool:
    named = _name(crs)
    return named in (None, "", "wgs84") or (isinstance(named, str) and named.endswith(_WGS84_NAMES))


def _named(crs: object) -> str:
    return shown(_name(crs))


def _name(crs: object) -> object:
    """The name in a ``crs`` of GeoJSON 2008, which is an object, or what else stands there."""
    properties = crs.get("properties") if isinstance(crs, dict) else None
    return properties["name"] if isinstance(properties, dict) and "name" in properties else crs
