"""Benchmarks that are no race of contestants: values by the names of their figures, one set a run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import ParamSpec, TypeVar

from benchmarks.measurement import Figure, Progress

#: Values of one run by the name of their figure.
Values = dict[str, float]

#: Units by how names of figures end, the longest first.
_UNITS = {"_rows_per_s": "rows/s", "writes_per_s": "writes/s", "posts_per_s": "posts/s", "_per_s": "rows/s",
          "_rows": "rows", "_mb": "MB", "_s": "s"}  # fmt: skip

Given = ParamSpec("Given")
Answer = TypeVar("Answer")


def of_runs(name: str, runs: int, progress: Progress, work: Callable[[], Values]) -> dict[str, list[float]]:
    """The values of so many runs, one after the other."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    for run in range(1, runs + 1):
        progress(run, runs, name)
        for figure, value in work().items():
            found[figure].append(value)
    return dict(found)


def in_child(work: Callable[Given, Answer], *arguments: Given.args, **named: Given.kwargs) -> Answer:
    """What a module's function returns in a fresh process, which finds nobody's memory and caches."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *arguments, **named).result()


def figures_of(
    values: Mapping[str, Sequence[float]], units: Mapping[str, str] | None = None
) -> dict[str, Figure]:
    """A figure of each; its unit is in ``units``, by its name, or is said by how the name ends."""
    told = units or {}
    return {name: Figure.of(of, told.get(name) or _unit(name)) for name, of in values.items()}


def quotients(figures: Mapping[str, Figure], ratios: Mapping[str, tuple[str, str]]) -> dict[str, float]:
    """Ratios of the figures' values, to three digits: name → (of, to)."""
    found = {ratio: figures[of].value / figures[to].value for ratio, (of, to) in ratios.items()}
    return {ratio: float(f"{value:.3g}") for ratio, value in found.items()}


def quantile(values: Sequence[float], percent: int) -> float:
    """The value that so many of a hundred do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def _unit(name: str) -> str:
    return next(unit for end, unit in _UNITS.items() if name.endswith(end))
