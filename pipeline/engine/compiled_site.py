"""A site compiled for the stream: what all its shards share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from geofences.fence import Fence
from pipeline.engine.compiled_fences import CompiledFences, LeavePlace, circle_of
from pipeline.sites.concerned_rows import ConcernedRows
from pipeline.sites.records import Site
from pipeline.stream.division import Division, divide


@dataclass(frozen=True, slots=True, eq=False)
class Splice:
    """How a compiled site came of the one before.

    ``zones`` are the shared fences that are other ones now, as they were and as they are;
    ``leave_places`` the areas of their leaves, by the identity of each.
    """

    rows: ConcernedRows
    zones: tuple[Fence, ...]
    leave_places: Mapping[int, tuple[LeavePlace, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class CompiledSite:
    """A site and what all its shards share.

    Where it came of another by a ``splice``, ``site`` and the rows of ``division`` are those that were
    compiled whole before it; devices are numbered as they are now.
    """

    site: Site
    fences: CompiledFences
    division: Division
    splice: Splice | None = None

    @classmethod
    def of(cls, site: Site, shards: int = 1, device_ids: Sequence[str] = ()) -> CompiledSite:
        """Compile a site for the stream; ``device_ids`` have their numbers already (``divide``)."""
        return cls(site, CompiledFences(site), divide(site, shards, device_ids))

    def changed(self, rows: ConcernedRows) -> CompiledSite | None:
        """The site after a change of people, devices, leaves and fences, at the cost of what it concerns.

        None where it concerns too many for that: a keep_in fence for an office, a class or all is another.
        Only the newest of a line may be asked.
        """
        gone = [number for name in rows.fences for number in self.fences.versions_of(name)]
        fences = [fence for versions in rows.fences.values() for fence in versions]
        touched = [*map(self.fences.fence, gone), *fences]
        if any(_is_for_many(fence) for fence in touched if fence.rule == "keep_in"):
            return None
        leaves = [leave for of_person in rows.leaves.values() for leave in of_person]
        circles = [circle_of(leave) for leave in leaves if leave.radius_m is not None]
        made = self.fences.also([*fences, *circles], gone)
        places = made.places_of(leaves, self.fences.count + len(fences))
        self.division.know(rows.devices)
        zones = tuple(fence for fence in touched if fence.rule == "keep_out" and _is_for_many(fence))
        by_leave = {id(leave): of for leave, of in zip(leaves, places, strict=True)}
        return CompiledSite(self.site, made, self.division, Splice(rows, zones, by_leave))

    def follows(self, fences: CompiledFences) -> bool:
        """Whether this came by one splice of the site that these fences are of."""
        return self.splice is not None and self.fences.follows(fences)


def _is_for_many(fence: Fence) -> bool:
    return any(not selector.startswith("person:") for selector in fence.applies_to)
