"""A site compiled for the stream: what all its shards share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.engine.compiled_fences import CompiledFences
from pipeline.sites.records import Site
from pipeline.stream.division import Division, divide


@dataclass(frozen=True, slots=True, eq=False)
class CompiledSite:
    """A site and what all its shards share."""

    site: Site
    fences: CompiledFences
    division: Division

    @classmethod
    def of(cls, site: Site, shards: int = 1, device_ids: Sequence[str] = ()) -> CompiledSite:
        """Compile a site for the stream; ``device_ids`` have their numbers already (``divide``)."""
        return cls(site, CompiledFences(site), divide(site, shards, device_ids))
