"""Public holidays as a versioned table of days off, never guessed beyond what was published."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from geofences.errors import HolidayError, HolidayYearMissing

_FORM = '"YYYY-MM-DD" or "YYYY-MM-DD/YYYY-MM-DD" within the year'


@dataclass(frozen=True, slots=True)
class HolidayTable:
    """The days off of the years it covers; a year outside ``years`` is unknown, not without holidays."""

    version: str
    years: frozenset[int]
    days: frozenset[date]

    def is_holiday(self, day: date) -> bool:
        """Whether the day is off; raises HolidayYearMissing where its year is not covered."""
        if day.year not in self.years:
            raise HolidayYearMissing(day.year, self.version)
        return day in self.days

    def extended_by(self, path: Path) -> HolidayTable:
        """This table with the years of a TOML file of the same form added or put in place of ours.

        Raises HolidayError naming the file and the key that is wrong.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise HolidayError(str(path), "file", str(error), "a readable UTF-8 file") from error
        return self.extended_by_text(path.name, text)

    def extended_by_text(self, file: str, text: str) -> HolidayTable:
        """The same with the text of such a file, whose name errors bear."""
        added = _read_table(file, text)
        kept = frozenset(day for day in self.days if day.year not in added.years)
        return HolidayTable(
            version=f"{self.version}+{added.version}",
            years=self.years | added.years,
            days=kept | added.days,
        )


@cache
def load_builtin() -> HolidayTable:
    """The table that comes with the package (mainland China)."""
    name = "holidays_cn.toml"
    return _read_table(name, files("geofences").joinpath(name).read_text(encoding="utf-8"))


def _read_table(file: str, text: str) -> HolidayTable:
    try:
        root = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: a number of thousands of digits, too
        raise HolidayError(file, "file", str(error), "TOML") from error
    for key in root.keys() - {"version", "days_off"}:
        raise HolidayError(file, key, "unknown key", "version and [days_off]")
    version = root.get("version")
    if not isinstance(version, str) or not version:
        raise HolidayError(file, "version", f"{version!r}", "a text that names this edition of the table")
    days_off = root.get("days_off")
    if not isinstance(days_off, Mapping):
        raise HolidayError(file, "days_off", f"{days_off!r}", "a table of years, e.g. 2027 = [...]")
    days = {year: _days_of_year(file, year, items) for year, items in days_off.items()}
    return HolidayTable(
        version=version,
        years=frozenset(int(year) for year in days),
        days=frozenset(day for listed in days.values() for day in listed),
    )


def _days_of_year(file: str, year: str, items: Any) -> list[date]:
    where = f"days_off.{year}"
    if not (len(year) == 4 and year.isdecimal() and year.isascii()):
        raise HolidayError(file, where, f"{year!r} is no year", "four digits")
    if not isinstance(items, list):
        raise HolidayError(file, where, f"{items!r}", f"a list of {_FORM}")
    days: list[date] = []
    for item in items:
        days += _days_of_item(file, where, int(year), item)
    return days


def _days_of_item(file: str, where: str, year: int, item: Any) -> list[date]:
    try:
        ends = [date.fromisoformat(part) for part in item.split("/")]
    except (AttributeError, ValueError) as error:
        raise HolidayError(file, where, f"{item!r} is no day", _FORM) from error
    first, last = ends[0], ends[-1]
    if len(ends) > 2 or last < first or first.year != year or last.year != year:
        raise HolidayError(file, where, f"{item!r} does not lie in {year}", _FORM)
    return [first + timedelta(days=day) for day in range((last - first).days + 1)]
