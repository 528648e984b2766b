"""Worked cases on disk: a tiny site, its streams, and the alerts they must give."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geofences.instant import instant_ms

TESTS = Path(__file__).parent

#: Cases of our own, and those that lie beside a checkout of the project where they are there.
OWN_CASES = TESTS / "cases"
SHARED_CASES = TESTS.parent.parent / "shared" / "data" / "cases"


@dataclass(frozen=True, slots=True)
class Case:
    """One folder: ``site/``, ``pings.ndjson``, optional confirmations and arguments, the expected."""

    folder: Path

    @property
    def site(self) -> Path:
        return self.folder / "site"

    @property
    def pings(self) -> list[Path]:
        return [self.folder / "pings.ndjson"]

    @property
    def confirmations(self) -> list[Path]:
        path = self.folder / "confirmations.ndjson"
        return [path] if path.exists() else []

    @property
    def until_ms(self) -> int | None:
        path = self.folder / "args.json"
        return instant_ms(json.loads(path.read_text())["until"]) if path.exists() else None

    @property
    def expected(self) -> list[dict[str, Any]]:
        """The fields that each alert must have, in the order of the file."""
        lines = (self.folder / "expected.ndjson").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    @property
    def expected_rejects(self) -> dict[str, int]:
        path = self.folder / "expected_rejects.json"
        return dict(json.loads(path.read_text())) if path.exists() else {}


def cases_in(directory: Path) -> list[Case]:
    """The worked cases of a directory by name; none where there is no such directory."""
    folders = sorted(directory.iterdir()) if directory.is_dir() else []
    return [Case(folder) for folder in folders if (folder / "expected.ndjson").exists()]


def case_name(case: Case) -> str:
    return case.folder.name


def differences(case: Case, lines: Sequence[bytes], rejected: Sequence[str]) -> list[str]:
    """Where alert lines and reasons of rejects are not what a case gives; empty: as it must be."""
    alerts = [json.loads(line) for line in lines]
    expected = case.expected
    found = [] if len(alerts) == len(expected) else [f"{len(alerts)} alerts, expected {len(expected)}"]
    for number, (alert, fields) in enumerate(zip(alerts, expected, strict=False), start=1):
        for name, value in fields.items():
            if not _same(name, alert.get(name), value):
                found.append(f"alert {number}: {name} is {alert.get(name)!r}, expected {value!r}")
    if Counter(rejected) != Counter(case.expected_rejects):
        found.append(f"rejected {dict(Counter(rejected))}, expected {case.expected_rejects}")
    return found


def _same(name: str, value: Any, expected: Any) -> bool:
    """Distances may differ by 0.5 m or 0.1 %, also within the evidence; all else is exact."""
    if name == "distance_m" and isinstance(value, float | int) and expected is not None:
        return bool(abs(value - expected) <= max(0.5, abs(expected) / 1000.0))
    if name == "evidence":
        return len(value) == len(expected) and all(
            _same(field, fix.get(field), wanted)
            for fix, wanting in zip(value, expected, strict=True)
            for field, wanted in wanting.items()
        )
    return bool(value == expected)
