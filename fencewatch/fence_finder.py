"""Fences by place at the terminal: of a directory of files, or of a running site as its asker may see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from console.caller import Caller
from console.fence_places import Box, FencePlaces
from console.rights import Right
from console.site_directory import SiteDirectory
from console.site_map import fence_features, seen_fences
from fencewatch.kept_site import kept_site
from fencewatch.terminal_user import TerminalUser, terminal_user
from geofences.fence import Fence
from geofences.instant import instant_ms
from pipeline.errors import InputError
from pipeline.host.clock import clock_of, system_now_ms
from pipeline.sites.load import load_site
from pipeline.sites.records import Site


@dataclass(frozen=True, slots=True)
class Found:
    """A fence as whoever asks may see it; ``distance_m`` is None where no place was asked for."""

    fence_id: str
    name: str | None
    rule: str
    group: str | None
    applies_to: tuple[str, ...]
    distance_m: float | None

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Ground:
    """A site, the time that is asked about, and who asks (None: whoever has the files)."""

    site: Site
    now_ms: int
    user: TerminalUser | None

    def shown(self, fences: list[Fence], distances: Mapping[int, float]) -> list[Found]:
        """The fences as far as they are the user's to see, in the same order."""
        return [
            Found(
                properties["fence_id"],
                properties["name"],
                properties["rule"],
                properties["group"],
                tuple(properties["applies_to"]),
                distances.get(id(fence)),
            )
            for fence, properties in self._seen(fences)
        ]

    def _seen(self, fences: list[Fence]) -> list[tuple[Fence, dict[str, Any]]]:
        identity = None if self.user is None else self.user.identity
        if identity is None:
            names = ("fence_id", "name", "rule", "group", "applies_to")
            return [(fence, {name: getattr(fence, name) for name in names}) for fence in fences]
        directory = SiteDirectory(self.site)
        office_id = identity.office_id
        caller = Caller(identity, frozenset() if office_id is None else directory.within(office_id))
        seen = seen_fences(tuple(fences), directory, caller, self.now_ms)
        features = fence_features(seen, directory, caller, self.now_ms)
        return [(fence, feature["properties"]) for fence, feature in zip(seen, features, strict=True)]


def fences_at(
    directory: Path | None, data: Path, time: str | None, place: tuple[float, float], reach_m: float
) -> list[Found]:
    """The fences that a place is in or so near to, the deepest first. Raises InputError, SiteError."""
    ground = _ground(directory, data, time)
    here = FencePlaces(ground.site.fences).at(*place, ground.now_ms, reach_m)
    distances = {id(one.fence): round(one.distance_m, 1) + 0.0 for one in here}
    return ground.shown([one.fence for one in here], distances)


def fences_within(directory: Path | None, data: Path, time: str | None, box: Box) -> list[Found]:
    """The fences whose own box touches a box, by id. Raises InputError, SiteError."""
    ground = _ground(directory, data, time)
    return ground.shown(FencePlaces(ground.site.fences).within(box, ground.now_ms), {})


def _ground(directory: Path | None, data: Path, time: str | None) -> _Ground:
    if directory is not None:
        return _Ground(load_site(directory), _time(time, system_now_ms()), None)
    user = terminal_user(data)
    user.require(Right.SEE)
    return _Ground(kept_site(data), _time(time, clock_of(data).now_ms()), user)


def _time(text: str | None, now_ms: int) -> int:
    try:
        return now_ms if text is None else instant_ms(text)
    except (ValueError, OverflowError):
        raise InputError(f"--time {text!r}: expected a time such as 2025-07-14T08:00:00+08:00") from None
