"""Where the checks of a site put what they find, so that all of it is reported at once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.errors import Fault

#: A wrong value is quoted up to this many signs; a whole polygon would drown its own fault.
SHOWN_MOST = 60


@dataclass(slots=True)
class Findings:
    """Faults forbid a run; warnings are legal but odd. Both in the order they were found."""

    faults: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)

    def warn(self, file: str, where: str, wrong: str, expected: str = "") -> None:
        """Note something odd."""
        self.warnings.append(Fault(file, where, wrong, expected))

    def warn_unknown(self, file: str, word: str, names: Counter[str], expected: str) -> None:
        """One warning per unknown name, with how many ``word``s bore it."""
        for name, count in sorted(names.items()):
            wrong = f"unknown name {shown(name)} is left out ({count} {word}{'s' * (count != 1)})"
            self.warn(file, "file", wrong, expected)


@dataclass(slots=True)
class Place:
    """A row, feature or file that is being checked; ``fault`` names one field of it."""

    findings: Findings
    file: str
    where: str

    def fault(self, field_name: str, wrong: str, expected: str) -> None:
        """Note a fault of this place; an empty ``field_name`` means the place as a whole."""
        where = f"{self.where}, {field_name}" if field_name and self.where else self.where or field_name
        self.findings.faults.append(Fault(self.file, where, wrong, expected))


def shown(value: object) -> str:
    """A value as it stands in a message: quoted, and cut where it is long."""
    text = f"'{value}'" if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN_MOST else text[: SHOWN_MOST - 1] + "…"


def listed(names: Iterable[str]) -> str:
    """Names in order as ``a, b, c``, cut after twelve."""
    words = sorted(names)
    return ", ".join(words[:12]) + (f" … ({len(words)} in all)" if len(words) > 12 else "")
