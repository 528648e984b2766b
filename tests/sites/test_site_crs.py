"""``crs`` that nobody reads is a fault wherever it stands: the fence would lie hundreds of metres away."""

from __future__ import annotations

from pathlib import Path

import pytest
from minimal_site import WHOLE, Edit, write_site

from pipeline.sites.load import check_site

FENCES, LEAVES = "fences.geojson", "leaves.csv"
POINT, OF_ZONE = '"type": "Point"', '"fence_id": "zone"'
FEATURE = '"type": "Feature",\n "properties": {"fence_id": "zone"'
OLD = '{"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4490"}}'
OLD_WGS84 = '{"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}'
LEAVES_IN_GCJ02 = """\
leave_id,person_id,valid_from,valid_to,category,module,fence_ids,lon,lat,radius_m,approved_at,crs
L1,P1,2025-07-01T00:00:00Z,2025-07-02T00:00:00Z,work,travel,home,106.6,29.6,2000,,gcj02
"""


def in_fences(old: str, new: str) -> Edit:
    return FENCES, old, new


#: (where, edit, words of the one fault)
MISPLACED: list[tuple[str, Edit, list[str]]] = [
    ("in a geometry", in_fences(POINT, f'{POINT}, "crs": "gcj02"'),
     ["feature 2 (zone), geometry.crs: crs 'gcj02' is not read here", "crs as a property of the feature"]),
    ("in a geometry, as of 2008", in_fences(POINT, f'{POINT}, "crs": {OLD}'),
     ["feature 2 (zone), geometry.crs: crs 'urn:ogc:def:crs:EPSG::4490'"]),
    ("in a geometry's properties", in_fences(POINT, f'{POINT}, "properties": {{"crs": "bd09"}}'),
     ["geometry.properties.crs: crs 'bd09'"]),
    ("on a feature", in_fences(FEATURE, f'"crs": "gcj02", {FEATURE}'), ["(zone), crs: crs 'gcj02'"]),
    ("on a feature, as of 2008", in_fences(FEATURE, f'"crs": {OLD}, {FEATURE}'), ["(zone), crs: crs 'urn"]),
    ("an object as the property", in_fences(OF_ZONE, f'{OF_ZONE}, "crs": {OLD}'), ["crs: unknown crs"]),
    ("in other letters", in_fences(OF_ZONE, f'{OF_ZONE}, "CRS": "gcj02"'), ["properties.CRS: crs 'gcj02'"]),
    ("deep in the properties", in_fences(OF_ZONE, f'{OF_ZONE}, "meta": [{{"crs": "gcj02"}}]'),
     ["properties.meta.crs: crs 'gcj02'"]),
    ("a number", in_fences(POINT, f'{POINT}, "crs": 4490'), ["geometry.crs: crs 4490"]),
    ("on the collection", in_fences('n", "features', 'n", "crs": "gcj02", "features'),
     ["file, crs: the collection's own crs 'gcj02' is not read"]),
    ("on the collection, in other letters", in_fences('n", "features', 'n", "Crs": "gcj02", "features'),
     ["file, Crs: the collection's own crs 'gcj02' is not read"]),
    ("in the collection's properties",
     in_fences('n", "features', 'n", "properties": {"crs": "bd09"}, "features'),
     ["file, properties.crs: the collection's own crs 'bd09'"]),
    ("a column of leaves", (LEAVES, WHOLE, LEAVES_IN_GCJ02),
     ["leaves.csv: file, crs: crs 'gcj02' in row 1 is not read", "positions in WGS-84"]),
]  # fmt: skip


@pytest.mark.parametrize(("edit", "words"), [row[1:] for row in MISPLACED], ids=[row[0] for row in MISPLACED])
def test_crs_elsewhere_is_a_fault(edit: Edit, words: list[str], tmp_path: Path) -> None:
    faults, _ = check_site(write_site(tmp_path, edit))
    assert len(faults) == 1, faults
    assert all(word in str(faults[0]) for word in words), str(faults[0])


#: What changes no coordinate is taken, as many tools write it.
HARMLESS: list[tuple[str, Edit]] = [
    ("WGS-84 on the collection", in_fences('n", "features', f'n", "crs": {OLD_WGS84}, "features')),
    ("WGS-84 in a geometry", in_fences(POINT, f'{POINT}, "crs": {OLD_WGS84}')),
    ("by our own name", in_fences(FEATURE, f'"crs": "wgs84", {FEATURE}')),
    ("not given", in_fences(POINT, f'{POINT}, "crs": null')),
    ("as the property", in_fences(OF_ZONE, f'{OF_ZONE}, "crs": "bd09"')),
]


@pytest.mark.parametrize("edit", [row[1] for row in HARMLESS], ids=[row[0] for row in HARMLESS])
def test_crs_that_changes_nothing_is_taken(edit: Edit, tmp_path: Path) -> None:
    assert check_site(write_site(tmp_path, edit)) == ([], [])
