"""The ground of the map: roads, waters and places from an archive that the operator names."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from console.answers import answer
from console.gate import Parts, Reader
from console.tile_archive import WrongArchive

router = APIRouter(prefix="/v1/basemap", tags=["site"])

Coordinate = Annotated[int, Path(ge=0, lt=1 << 22)]


@router.get("")
def basemap(parts: Parts, caller: Reader) -> Response:
    """What the archive holds: layers, zooms, bounds (west, south, east, north), its source; null for none."""
    archive = parts.basemap
    if archive is None:
        return answer(None)
    low, high = archive.zooms
    report = {"minzoom": low, "maxzoom": high, "bounds": archive.bounds, "layers": archive.layers}
    return answer(report | {"attribution": archive.attribution})


_TILE = "application/vnd.mapbox-vector-tile"
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "the tile", "content": {_TILE: {"schema": {"type": "string", "format": "binary"}}}},
    503: {"description": "the archive is broken"},
}


@router.get("/{zoom}/{x}/{y}", response_class=Response, responses=_ANSWERS)
def tile(zoom: Coordinate, x: Coordinate, y: Coordinate, parts: Parts, caller: Reader) -> Response:
    """A Mapbox Vector Tile; empty where there is none."""
    try:
        content = None if parts.basemap is None else parts.basemap.tile(zoom, x, y)
    except WrongArchive as error:
        return answer({"detail": str(error)}, 503, {"Retry-After": "60"})
    return Response(content or b"", media_type=_TILE)
