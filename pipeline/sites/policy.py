"""The thresholds a site is judged by, with the defaults of the contract."""

from __future__ import annotations

from dataclasses import dataclass, field

SOURCES = ("gnss", "wifi", "cell", "fused", "manual")
DEVICE_KINDS = ("phone", "wristband")


@dataclass(frozen=True, slots=True)
class BoundaryRule:
    """When a run of wrong-side fixes raises an alert."""

    tolerance_m: float
    fixes: int
    dwell_ms: int


@dataclass(frozen=True, slots=True)
class DailyWindow:
    """A local wall-time window in minutes after midnight; an end at or before the start is next day's.

    ``start_min`` is 0..1439; ``end_min`` is already past ``start_min`` (up to 2880).
    """

    start_min: int
    end_min: int


def _floors() -> dict[str, float]:
    return {"gnss": 20.0, "fused": 50.0, "wifi": 100.0, "cell": 1000.0, "manual": 50.0}


def _silence() -> dict[str, tuple[int, int, int]]:
    return {
        "phone": (3_600_000, 10_800_000, 21_600_000),
        "wristband": (600_000, 1_800_000, 7_200_000),
    }


def _confirmation() -> dict[str, tuple[DailyWindow, ...]]:
    return {
        "strict": (
            DailyWindow(420, 540),
            DailyWindow(690, 810),
            DailyWindow(1020, 1140),
            DailyWindow(1260, 1350),
        ),
        "general": (DailyWindow(420, 540), DailyWindow(720, 840), DailyWindow(1200, 1320)),
        "lenient": (DailyWindow(480, 1200),),
    }


@dataclass(frozen=True, slots=True)
class Policy:
    """All thresholds; durations in milliseconds, distances in metres.

    ``silence_ms`` gives three rising thresholds per device kind, ``windows`` the daily confirmation
    windows per class of person: its keys are the classes there are.
    """

    version: str = "default"
    timezone: str = "Asia/Shanghai"
    accuracy_factor: float = 1.0
    accuracy_default_m: float = 50.0
    floor_m: dict[str, float] = field(default_factory=_floors)
    keep_in: BoundaryRule = BoundaryRule(0.0, 3, 120_000)
    keep_out: BoundaryRule = BoundaryRule(0.0, 2, 60_000)
    clear_fixes: int = 3
    allowed_lateness_ms: int = 300_000
    backfill_horizon_ms: int = 604_800_000
    silence_ms: dict[str, tuple[int, int, int]] = field(default_factory=_silence)
    grace_ms: int = 600_000
    windows: dict[str, tuple[DailyWindow, ...]] = field(default_factory=_confirmation)
