"""Who asks: whose token came with a request, and what that one may do."""

from __future__ import annotations

from dataclasses import dataclass

from console.rights import RIGHTS, Right
from sinks.access import Identity


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. ``offices`` are the caller's own and all below; empty where the role sees nobody."""

    identity: Identity
    offices: frozenset[str]

    @property
    def name(self) -> str:
        """What the caller is called in timelines and logs."""
        return self.identity.name

    @property
    def office(self) -> str:
        """The office whose alerts the caller reaches; never none, for that would mean all of them."""
        assert self.identity.office_id is not None, "whoever sees people belongs to an office"
        return self.identity.office_id

    def may(self, right: Right) -> bool:
        """Whether the caller's role has a right."""
        return right in RIGHTS[self.identity.role]

    def shown_name(self, name: str | None) -> str | None:
        """A person's name as far as the caller may know it."""
        return name if self.may(Right.NAME) else None
