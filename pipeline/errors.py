"""What can go wrong in the pipeline before or while it runs.

PipelineError
├── SiteError     the site is broken; carries every fault found
└── InputError    a file, column or option is not what it must be
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong (or, as a warning, odd) in one place of a site.

    ``where`` is ``row 3, class``, ``feature 2 (home), radius_m``, a key of the policy, or ``file``.
    An empty ``expected`` says nothing and is left out of the line.
    """

    file: str
    where: str
    wrong: str
    expected: str

    def __str__(self) -> str:
        expected = f"; expected {self.expected}" if self.expected else ""
        line = f"{self.file}: {self.where}: {self.wrong}{expected}"
        return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in line)


class PipelineError(Exception):
    """Root of all errors of this package."""


class SiteError(PipelineError):
    """A broken site: nothing may run on it. The message has one line per fault."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = list(faults)


class InputError(PipelineError):
    """A file or column a command was given cannot be used at all."""
