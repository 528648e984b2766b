"""What a benchmark may be asked for; what is not given is its own default."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Size of the simulated fleet and number of runs; None: the benchmark's own."""

    seed: int = 1
    people: int | None = None
    hours: float | None = None
    runs: int | None = None

    def or_default(self, people: int, hours: float, runs: int) -> tuple[int, float, int]:
        """People, hours and runs, these where not given."""
        return (
            people if self.people is None else self.people,
            hours if self.hours is None else self.hours,
            runs if self.runs is None else self.runs,
        )
