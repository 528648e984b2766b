"""Fences by place: which are here, and which are on a piece of the map."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from console.answers import answer
from console.caller import Caller
from console.gate import Parts, Present, Reader
from console.live_site import SiteNow
from console.place_routes import box_of, wrong_query
from console.site_map import fence_features, seen_fences
from geofences.fence import Fence

router = APIRouter(prefix="/v1", tags=["site"])

_FENCES_MOST = 5_000
_REACH_MOST_M = 20_000.0


@router.get("/fences")
def fences(
    parts: Parts,
    now: Present,
    caller: Reader,
    at: Annotated[
        str | None, Query(description="lon,lat in degrees: the fences that this place is in")
    ] = None,
    reach_m: Annotated[
        float, Query(ge=0, le=_REACH_MOST_M, description="with `at`: also those whose edge is so near")
    ] = 0.0,
    bbox: Annotated[
        str | None,
        Query(
            description="west,south,east,north: fences whose box touches it; west > east reaches over ±180"
        ),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=_FENCES_MOST)] = 1000,
) -> Response:
    """A FeatureCollection of the fences valid now that judge the caller's people, as in `/v1/site`.

    With `at` each has `distance_m`: metres from the place to its edge, negative inside, the deepest first.
    """
    now_ms = parts.now_ms()
    distances: dict[int, float] = {}
    if at is not None and bbox is None:
        lon, lat = _place(at)
        here = now.fence_places.at(lon, lat, now_ms, reach_m)
        distances = {id(one.fence): round(one.distance_m, 1) + 0.0 for one in here}
        found = tuple(one.fence for one in here)
    elif bbox is not None and at is None:
        found = tuple(now.fence_places.within(box_of(bbox), now_ms))
    else:
        raise wrong_query("at", at, "either at=lon,lat or bbox=west,south,east,north")
    seen = seen_fences(found, now.directory, caller, now_ms)
    features = _features(seen[:limit], distances, now, caller, now_ms)
    return answer({"type": "FeatureCollection", "features": features, "truncated": len(seen) > limit})


def _features(
    seen: tuple[Fence, ...], distances: dict[int, float], now: SiteNow, caller: Caller, now_ms: int
) -> list[dict[str, Any]]:
    features = list(fence_features(seen, now.directory, caller, now_ms))
    for fence, feature in zip(seen, features, strict=True):
        if id(fence) in distances:
            feature["properties"]["distance_m"] = distances[id(fence)]
    return features


def _place(text: str) -> tuple[float, float]:
    try:
        lon, lat = (float(part) for part in text.split(","))
    except ValueError:
        raise wrong_query("at", text, "two numbers: lon,lat") from None
    if not (abs(lon) <= 180 and abs(lat) <= 90):
        raise wrong_query("at", text, "degrees, lon within ±180 and lat within ±90")
    return lon, lat
