"""Whatever JSON is sent as a change, it is taken or refused with its faults, and nothing else comes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from minimal_site import write_site
from site_operations import NOW_MS

from pipeline.sites.change_faults import ChangeRefused
from pipeline.sites.changes import resolved
from pipeline.sites.documents import SiteDocuments
from pipeline.sites.edits import edited
from pipeline.sites.fences import PROPERTIES
from pipeline.sites.findings import Findings
from pipeline.sites.load import load_documents, site_of
from pipeline.sites.operations import CHANGEABLE
from pipeline.sites.site_versions import IndexedSite

NAMES = (
    "P1",
    "P2",
    "D1",
    "home",
    "zone",
    "O1",
    "C1",
    "L1",
    "",
    "new",
    "person:P1",
    "all",
    "strict",
    "keep_in",
)
TIMES = (
    None, "", "2025-08-01T00:00:00Z", "2025-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "soon",
    "0001-01-01T00:00:00+23:59", 5, "2025-08-01",
)  # fmt: skip
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 400), st.floats(), st.sampled_from(NAMES), st.text(max_size=4)
)
anything: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
)
geometries = st.fixed_dictionaries(
    {
        "type": st.sampled_from(("Point", "Polygon", "LineString", "MultiPolygon", "x")),
        "coordinates": anything,
    }
)
columns = (
    "person_id", "device_id", "leave_id", "office_id", "fence_id", "parent_id", "kind", "class", "level",
    "name",
    "fence_ids", "lon", "lat", "radius_m", "approved_at", "category", "colour", "version", "days_off",
)  # fmt: skip
cells = st.dictionaries(st.sampled_from(columns), anything, max_size=8)
timed = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from(TIMES) for name in ("valid_from", "valid_to")}
)
properties = st.dictionaries(st.sampled_from((*PROPERTIES, "colour")), anything, max_size=8)
features = st.fixed_dictionaries(
    {"type": st.sampled_from(("Feature", "x")), "properties": properties, "geometry": geometries | anything}
)
rows = st.builds(lambda one, other: {**one, **other}, cells, timed) | features | anything
operations = st.fixed_dictionaries(
    {
        "op": st.sampled_from(("put", "end")) | anything,
        "table": st.sampled_from(CHANGEABLE) | anything,
        "row": rows,
    },
    optional={"effective_at": st.sampled_from(TIMES), "by": anything, "more": anything},
)


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> SiteDocuments:
    directory: Path = tmp_path_factory.mktemp("site")
    return load_documents(write_site(directory))


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(change=st.lists(operations, min_size=1, max_size=3) | anything)
def test_anything(documents: SiteDocuments, change: Any) -> None:
    try:
        edits = resolved(IndexedSite(documents), change, NOW_MS)
    except ChangeRefused as refused:
        for fault in refused.faults:
            json.dumps(fault.as_json())
        return
    after = edited(documents, json.loads(json.dumps(edits.edits)))
    findings = Findings()
    assert site_of(after, findings) is not None, findings.faults
