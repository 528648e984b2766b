"""A site for recorded traces that nobody made for us: districts, usual places and busy places of Beijing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import shapely
from shapely.geometry import mapping

from geofences.county import County, counties

#: Places are squares of so many degrees, about 1.1 km high.
CELL_DEG = 0.01
USUAL_PLACES, BUSY_PLACES = 2, 12


def geolife(traces: Path) -> pl.DataFrame:
    """The rows of the GeoLife devices: those with a life of days, most of it round Beijing."""
    rows = pl.read_parquet(traces)
    cell = [(pl.col(name) / CELL_DEG).round().cast(pl.Int64).alias(f"cell_{name}") for name in ("lon", "lat")]
    return rows.filter(pl.col("origin").str.starts_with("geolife")).with_columns(cell)


def write_traces_site(rows: pl.DataFrame, folder: Path) -> Path:
    """People under supervision from an hour before their first fix to a day after their last."""
    folder.mkdir()
    spans = rows.group_by("device_id").agg(
        pl.col("event_time").min().dt.offset_by("-1h").alias("first"),
        pl.col("event_time").max().dt.offset_by("1d").alias("last"),
    )
    people = ["person_id,name,office_id,class,valid_from,valid_to"]
    devices = ["device_id,person_id,kind,valid_from,valid_to"]
    for number, (device_id, first, last) in enumerate(sorted(spans.iter_rows())):
        people.append(f"P-{device_id},,O1,visitor,{first.isoformat()},{last.isoformat()}")
        devices.append(f"{device_id},P-{device_id},{('phone', 'wristband')[number % 2]},,")
    texts = {
        "people.csv": "\n".join(people) + "\n",
        "devices.csv": "\n".join(devices) + "\n",
        "offices.csv": "office_id,parent_id,name,level\nO1,,office,judicial_office\n",
        "leaves.csv": "leave_id,person_id,valid_from,valid_to,category,module,fence_ids,lon,lat,radius_m,"
        "approved_at\n",
        "policy.toml": 'version = "traces"\n[confirmation]\nvisitor = []\n',
        "fences.geojson": json.dumps({"type": "FeatureCollection", "features": _fences(rows)}),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def _fences(rows: pl.DataFrame) -> list[dict[str, Any]]:
    found = _busy_places(rows)
    districts = [county for county in counties() if county.province == "北京市"]
    for number, (device_id,) in enumerate(sorted(rows.select("device_id").unique().iter_rows())):
        own = rows.filter(pl.col("device_id") == device_id)
        found += _usual_places(own, device_id, nightly=number % 2 == 1) + _district(own, device_id, districts)
    return found


def _busiest(rows: pl.DataFrame, count: int) -> list[tuple[float, float]]:
    cells = rows.group_by("cell_lon", "cell_lat").len().sort("len", "cell_lon", "cell_lat", descending=True)
    return [(lon * CELL_DEG, lat * CELL_DEG) for lon, lat, _ in cells.head(count).iter_rows()]


def _feature(shape: Any, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": mapping(shape)}


def _busy_places(rows: pl.DataFrame) -> list[dict[str, Any]]:
    return [
        _feature(
            shapely.Point(place), fence_id=f"busy-{number}", rule="keep_out", radius_m=250, applies_to=["all"]
        )
        for number, place in enumerate(_busiest(rows, BUSY_PLACES))
    ]


def _usual_places(own: pl.DataFrame, device_id: str, *, nightly: bool) -> list[dict[str, Any]]:
    half = CELL_DEG / 2
    more = {"schedule": ["Mo-Su 22:00-06:00"]} if nightly else {}
    return [
        _feature(
            shapely.box(lon - half, lat - half, lon + half, lat + half),
            fence_id=f"usual-{device_id}-{number}",
            rule="keep_in",
            group="usual",
            applies_to=[f"person:P-{device_id}"],
            **more,
        )
        for number, (lon, lat) in enumerate(_busiest(own, USUAL_PLACES))
    ]


def _district(own: pl.DataFrame, device_id: str, districts: list[County]) -> list[dict[str, Any]]:
    """The county that most fixes lie in, where one holds at least half of them."""
    points = shapely.points(own["lon"].to_numpy(), own["lat"].to_numpy())
    for county in districts:
        if shapely.contains(county.shape, points).mean() >= 0.5:
            return [
                _feature(
                    county.shape,
                    fence_id=f"district-{device_id}",
                    rule="keep_in",
                    group="district",
                    applies_to=[f"person:P-{device_id}"],
                    name=county.name,
                )
            ]
    return []
