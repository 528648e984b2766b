"""Text for a terminal: cells under each other, people's words made harmless, local times."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.cells import cell_len

from fencewatch.config import FIGURES
from geofences.instant import EPOCH
from sinks.run_metrics import RunMetrics


def zone_of(data: Path) -> ZoneInfo:
    """The policy's time zone as the engine told it; UTC before any engine ran here."""
    figures = RunMetrics.read(data / FIGURES)
    return ZoneInfo("UTC" if figures is None or figures.timezone is None else figures.timezone)


def moment(ms: int, zone: ZoneInfo) -> str:
    """`2025-07-14 10:32:05`, cut towards the past."""
    # Not from a float of seconds, which would round up.
    return f"{(EPOCH + timedelta(milliseconds=ms)).astimezone(zone):%Y-%m-%d %H:%M:%S}"


def plain(text: str) -> str:
    """People's text on one line and without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def aligned(rows: Sequence[Sequence[str]], *, right_from: int | None = None) -> list[str]:
    """Cells under each other, Chinese ones too; from a column on flush right, as numbers are read."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(_padded(cell, widths[n], right_from is not None and n >= right_from)
                      for n, cell in enumerate(row)).rstrip() for row in rows]  # fmt: skip


def _padded(cell: str, width: int, is_right: bool) -> str:
    room = " " * (width - cell_len(cell))
    return room + cell if is_right else cell + room
