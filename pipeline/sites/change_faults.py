"""What is wrong with a change of a site: every fault of it, with the operation that it lies in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pipeline.errors import InputError

#: ``malformed``: cannot be read; ``in_the_past``: would change what was judged; ``not_in_force``: nothing to
#: end; ``broken_site``: the site would have a fault; ``not_supported_yet``: right, and not possible so far;
#: ``changed_meanwhile``: somebody else changed it since it was seen.
Code = Literal[
    "malformed", "in_the_past", "not_in_force", "broken_site", "not_supported_yet", "changed_meanwhile"
]


@dataclass(frozen=True, slots=True)
class ChangeFault:
    """One fault: ``operation`` counts from 0; ``table``, ``id`` and ``field`` are "" where there is none."""

    operation: int
    table: str
    id: str
    field: str
    wrong: str
    expected: str
    code: Code

    def __str__(self) -> str:
        about = " ".join(filter(None, (self.table, self.id)))
        where = ", ".join(filter(None, (about, self.field)))
        line = f"operation {self.operation + 1}: {where + ': ' if where else ''}{self.wrong}"
        line += f"; expected {self.expected}" if self.expected else ""
        return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in line)

    def as_json(self) -> dict[str, Any]:
        """The fault as it is answered."""
        return asdict(self)


class ChangeRefused(InputError):  # noqa: N818 - nothing failed: it was looked at and refused
    """Nothing of a change was taken. The message has a line for each of the ``faults``."""

    def __init__(self, faults: Sequence[ChangeFault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = list(faults)
