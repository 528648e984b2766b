"""All that a data directory keeps, read to the last byte and held against its checksums."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.upkeep.kinds import KIND_OF
from pipeline.upkeep.store import Finding, Store
from pipeline.upkeep.stores import Look, look


@dataclass(frozen=True, slots=True)
class Verified:
    """What a store is found to be: ``sound``, ``unsound`` or ``absent``, with all that is wrong."""

    store: Store
    state: str
    identity: str | None
    position: int
    holds: str
    findings: tuple[Finding, ...]

    def as_json(self) -> dict[str, object]:
        """For machines."""
        wrong = [{"file": str(one.path), "wrong": one.wrong, "todo": one.todo} for one in self.findings]
        return {
            "store": self.store.value, "state": self.state, "identity": self.identity,
            "position": self.position, "holds": self.holds, "wrong": wrong,
        }  # fmt: skip

    def lines(self) -> list[str]:
        """For people: the store, and a line for each thing that is wrong."""
        whose = "" if self.identity is None else f"of {self.identity[:8]}, record {self.position:>8}"
        said = f"{self.store:<17} {self.state:<8} {whose:<30} {self.holds}".rstrip()
        return [said, *(f"  {finding}" for finding in self.findings)]


def verify(data: Path) -> list[Verified]:
    """Every store of a data directory, also while it is in use; nothing is changed."""
    seen = look(data)
    beside = seen.findings()
    return [_verified(seen, store, [one for one in beside if one.store is store]) for store in Store]


def _verified(seen: Look, store: Store, found: list[Finding]) -> Verified:
    part = seen.stores[store]
    holds = ""
    if part.exists and part.damage is None:
        holds, more = KIND_OF[store].look_through(store, part.path)
        found = [*found, *more]
    state = "unsound" if found else "sound" if part.exists else "absent"
    identity = None if part.bearing is None else part.bearing.identity
    return Verified(store, state, identity, part.position, holds, tuple(found))
